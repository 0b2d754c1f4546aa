package audit

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Entries reads all files of the log in path, oldest first. Lines that are no entries
// are skipped: finding them is for Verify.
func Entries(path string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		files, err := openFiles(path)
		if err != nil {
			yield(Entry{}, fmt.Errorf("reading the audit log: %w", err))
			return
		}
		defer files.close()
		for _, f := range files {
			if !entriesOf(f, yield) {
				return
			}
		}
	}
}

func entriesOf(f io.Reader, yield func(Entry, error) bool) bool {
	lines := newLines(f)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errTorn):
			return true
		case errors.Is(err, errTooLong):
			continue
		case err != nil:
			return yield(Entry{}, fmt.Errorf("reading the audit log: %w", err))
		}
		if e, err := parse(line); err == nil && !yield(e, nil) {
			return false
		}
	}
}
