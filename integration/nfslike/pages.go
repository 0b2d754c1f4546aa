package nfslike

import (
	"maps"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	pageSize = 32 << 10
	// maxDirty pages of a file wait to be written back; then half of them are.
	maxDirty = 256
	// maxPages of a file are kept in all.
	maxPages = 2 * maxDirty
)

// page is a piece of a file's contents on a node.
type page struct {
	data     [pageSize]byte
	from, to int // what is to be written back; to is 0 for nothing
}

// settle gets rid of pages that are of another time than the attributes. mu is
// held, as by all in this file.
func (i *inode) settle() error {
	if !i.changed {
		return nil
	}
	err := i.writeBack()
	clear(i.pages)
	i.changed = false
	return err
}

// page returns a page, from the server if need be.
func (i *inode) page(index int64) (*page, error) {
	if p := i.pages[index]; p != nil {
		return p, nil
	}
	if len(i.pages) >= maxPages {
		maps.DeleteFunc(i.pages, func(_ int64, p *page) bool { return p.to == 0 })
	}
	p := &page{}
	if err := i.client.call(func() error {
		if _, err := i.client.server.living(i.handle, i.client); err != nil {
			return err
		}
		_, err := unix.Pread(i.fd, p.data[:], index*pageSize)
		return err
	}); err != nil {
		return nil, err
	}
	i.pages[index] = p
	return p, nil
}

// read copies what the node believes to be at offset.
func (i *inode) read(into []byte, offset uint64) (int, error) {
	if offset >= i.size {
		return 0, nil
	}
	into = into[:min(uint64(len(into)), i.size-offset)]
	for done := 0; done < len(into); {
		at := int64(offset) + int64(done)
		p, err := i.page(at / pageSize)
		if err != nil {
			return 0, err
		}
		done += copy(into[done:], p.data[at%pageSize:])
	}
	return len(into), nil
}

// write keeps data until it is written back.
func (i *inode) write(data []byte, offset uint64) error {
	for done := 0; done < len(data); {
		at := int64(offset) + int64(done)
		p, err := i.page(at / pageSize)
		if err != nil {
			return err
		}
		from := int(at % pageSize)
		to := min(pageSize, from+len(data)-done)
		if p.to > 0 && (from > p.to || to < p.from) {
			// Between the two pieces are bytes that are not ours to write.
			if err := i.writePage(at/pageSize, p); err != nil {
				return err
			}
		}
		if p.to == 0 {
			p.from = from
		}
		p.from, p.to = min(p.from, from), max(p.to, to)
		done += copy(p.data[from:to], data[done:])
		i.size = max(i.size, uint64(at/pageSize*pageSize)+uint64(to))
	}
	if dirty := i.dirty(); len(dirty) > maxDirty {
		i.client.shuffle(dirty)
		return i.writePages(dirty[:len(dirty)/2])
	}
	return nil
}

// dirty are the pages to be written back, in order.
func (i *inode) dirty() []int64 {
	var all []int64
	for index, p := range i.pages {
		if p.to > 0 {
			all = append(all, index)
		}
	}
	slices.Sort(all)
	return all
}

func (c *client) shuffle(pages []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delays.Shuffle(len(pages), func(a, b int) { pages[a], pages[b] = pages[b], pages[a] })
}

// writeBack sends all that is not at the server.
func (i *inode) writeBack() error { return i.writePages(i.dirty()) }

// writePages tries all and returns the first error.
func (i *inode) writePages(indexes []int64) error {
	var first error
	for _, index := range indexes {
		if err := i.writePage(index, i.pages[index]); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// writePage sends one page. Data that the server does not take is lost, as the
// program is told.
func (i *inode) writePage(index int64, p *page) error {
	s := i.client.server
	var before, after reply
	err := i.client.call(func() (err error) {
		if before, err = s.living(i.handle, i.client); err != nil {
			return err
		}
		i.handle.version++
		for data, at := p.data[p.from:p.to], index*pageSize+int64(p.from); len(data) > 0; {
			n, err := unix.Pwrite(i.fd, data, at)
			if err != nil {
				return err
			}
			if n == 0 {
				return syscall.EIO
			}
			data, at = data[n:], at+int64(n)
		}
		after, err = s.attributes(i.handle)
		return err
	})
	p.from, p.to = 0, 0
	if err != nil {
		delete(i.pages, index)
		i.changed = true
		return err
	}
	i.acceptOwn(before, after)
	return nil
}
