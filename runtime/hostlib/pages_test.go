package hostlib

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestPages(t *testing.T) {
	text := make([]byte, 3*pageSize+100)
	for i := range text {
		text[i] = byte(i * 7 / 3)
	}
	p := &pages{r: bytes.NewReader(text)}
	for _, test := range []struct{ offset, size int }{{0, 1}, {pageSize - 1, 2}, {10, 3 * pageSize}, {3 * pageSize, 100}, {0, len(text)}} {
		got := make([]byte, test.size)
		if n, err := p.ReadAt(got, int64(test.offset)); n != test.size || err != nil || !bytes.Equal(got, text[test.offset:][:test.size]) {
			t.Errorf("%d bytes at %d: %d, %v", test.size, test.offset, n, err)
		}
	}
	for _, offset := range []int{len(text) - 1, len(text), 10 * pageSize} {
		if n, err := p.ReadAt(make([]byte, 2), int64(offset)); n > 1 || !errors.Is(err, io.EOF) {
			t.Errorf("at %d: %d, %v", offset, n, err)
		}
	}
	if _, err := (&pages{r: broken{}}).ReadAt(make([]byte, 1), 0); !errors.Is(err, errBroken) {
		t.Errorf("an error of the disk: %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }
