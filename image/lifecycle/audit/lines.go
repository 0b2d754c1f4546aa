package audit

import (
	"bufio"
	"errors"
	"io"
)

// errTorn is for a last line without an end.
var errTorn = errors.New("its last line has no end")

// lines reads lines of a bounded length, and skips longer ones.
type lines struct {
	in     *bufio.Reader
	number int
}

func newLines(r io.Reader) *lines { return &lines{in: bufio.NewReaderSize(r, mostLine)} }

// next is the next line without its end, until it is called again. errTorn comes with
// what there is of a line, errTooLong when the line is longer than an entry; io.EOF at
// the end.
func (l *lines) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	if len(line) > 0 {
		l.number++
	}
	switch {
	case err == nil:
		return line[:len(line)-1], nil
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, errTorn
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = errTooLong
		}
		return nil, err
	}
	return nil, err
}
