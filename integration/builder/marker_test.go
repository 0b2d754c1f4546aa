//go:build e2e

package builder

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// markers are made-up secrets, each for one place, so that one that gets out tells from
// where.
type markers struct {
	names []string
	texts [][]byte // those, and as logins are kept: in base64
}

// plant makes a secret for a place.
func (m *markers) plant(place string) string {
	secret := fmt.Sprintf("Pw%02dzKq8vXw3Lm", len(m.names))
	m.names = append(m.names, place)
	m.texts = append(m.texts, []byte(secret))
	return secret
}

// keptBy adds a login as auth.json keeps it.
func (m *markers) keptBy(user, place, password string) {
	m.names = append(m.names, place)
	m.texts = append(m.texts, []byte(base64.StdEncoding.EncodeToString([]byte(user+":"+password))))
}

const scanChunk = 1 << 20

// in are the places whose secrets are in a stream: as it is, and unpacked when it is
// compressed or a tar of things that are.
func (m *markers) in(stream io.Reader) ([]string, error) {
	r := bufio.NewReaderSize(stream, scanChunk)
	begin, err := r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return m.in(unpacked)
	case bytes.HasPrefix(begin, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		unpacked, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer unpacked.Close()
		return m.in(unpacked)
	case len(begin) == 512 && string(begin[257:262]) == "ustar":
		return m.inTar(r)
	}
	return m.inPlain(r)
}

func (m *markers) inTar(r io.Reader) (found []string, err error) {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		names, err := m.inPlain(strings.NewReader(fmt.Sprint(h.Name, h.Linkname, h.PAXRecords)))
		if err != nil {
			return found, err
		}
		inside, err := m.in(t)
		if err != nil {
			return found, err
		}
		for _, place := range slices.Concat(names, inside) {
			found = append(found, h.Name+": "+place)
		}
	}
}

func (m *markers) inPlain(r io.Reader) (found []string, err error) {
	seen := map[string]bool{}
	buf, kept := make([]byte, scanChunk), 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		for i, text := range m.texts {
			if !seen[m.names[i]] && bytes.Contains(buf[:kept+n], text) {
				seen[m.names[i]] = true
				found = append(found, m.names[i])
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		kept = copy(buf, buf[len(buf)-64:]) // one may lie across two reads
	}
}

// inDir are the places whose secrets are in files below a directory, but for those that
// skip names.
func (m *markers) inDir(t *testing.T, dir string, skip func(path string) bool) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if skip(path) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		places, err := m.in(f)
		for _, place := range places {
			found = append(found, path+": "+place)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// clean fails the test for each secret that has got out.
func clean(t *testing.T, where string, found []string) {
	t.Helper()
	for _, f := range found {
		t.Errorf("%s holds the secret of %s", where, f)
	}
}
