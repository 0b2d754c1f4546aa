package hostlib

import (
	"errors"
	"io"
)

// pages reads a file in pages and keeps them: tables of an ELF file are read in many
// small pieces that lie close together.
type pages struct {
	r    io.ReaderAt
	kept map[int64][]byte
}

const (
	pageSize = 4096
	maxPages = 256 // then it begins anew
)

// ReadAt implements io.ReaderAt for small reads.
func (p *pages) ReadAt(to []byte, offset int64) (n int, err error) {
	for n < len(to) {
		at := offset + int64(n)
		page, err := p.page(at / pageSize)
		if err != nil {
			return n, err
		}
		into := int(at % pageSize)
		if into >= len(page) {
			return n, io.EOF
		}
		n += copy(to[n:], page[into:])
	}
	return n, nil
}

func (p *pages) page(number int64) ([]byte, error) {
	if page, ok := p.kept[number]; ok {
		return page, nil
	}
	page := make([]byte, pageSize)
	n, err := p.r.ReadAt(page, number*pageSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if p.kept == nil || len(p.kept) >= maxPages {
		p.kept = map[int64][]byte{}
	}
	p.kept[number] = page[:n]
	return page[:n], nil
}
