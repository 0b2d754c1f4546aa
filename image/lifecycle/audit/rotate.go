package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Rotation says when a file is full.
type Rotation struct {
	Bytes  int64 // it has grown beyond this; 0: no matter how large it is
	Yearly bool  // it was begun in an earlier year
	Now    bool  // whatever is in it
}

// Rotate gives the newest file a number if it is full, so that the next entry begins a
// new one. It returns the file's new name; empty if there was nothing to do.
func (l *Log) Rotate(r Rotation) (string, error) {
	name, err := l.RotationDue(r)
	if err != nil || name == "" {
		return "", err
	}
	err = l.Do(Act{Action: "audit.rotate", Subject: filepath.Base(l.path)}, func() error {
		unlock, err := l.lock()
		if err != nil {
			return err
		}
		defer unlock()
		if name, err = l.nextNumbered(); err != nil {
			return err
		}
		if err := os.Rename(l.path, name); err != nil {
			return err
		}
		return state.SyncDir(filepath.Dir(l.path))
	})
	return name, err
}

// RotationDue is the name that Rotate would give the newest file; empty if it would not.
func (l *Log) RotationDue(r Rotation) (string, error) {
	if full, err := l.full(r); err != nil || !full {
		return "", err
	}
	return l.nextNumbered()
}

// nextNumbered is the name of the numbered file to be.
func (l *Log) nextNumbered() (string, error) {
	files, err := rotated(l.path)
	if err != nil {
		return "", err
	}
	number := 1
	if n := len(files); n > 0 {
		number = numberOf(l.path, files[n-1]) + 1
	}
	return numbered(l.path, number), nil
}

// full reports whether there is something to rotate.
func (l *Log) full(r Rotation) (bool, error) {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	if r.Now || r.Bytes > 0 && info.Size() > r.Bytes {
		return true, nil
	}
	if !r.Yearly {
		return false, nil
	}
	line, err := bufio.NewReaderSize(f, mostLine).ReadSlice('\n')
	if err != nil {
		return false, fmt.Errorf("reading the first line of %s: %w", l.path, err)
	}
	first, err := parse(line[:len(line)-1])
	return err == nil && first.Time.Year() < l.now().UTC().Year(), err
}

// parts are what a numbered file's name has before and behind the number.
func parts(log string) (before, behind string) {
	behind = filepath.Ext(log)
	return strings.TrimSuffix(log, behind) + ".", behind
}

func numbered(log string, number int) string {
	before, behind := parts(log)
	return fmt.Sprintf("%s%04d%s", before, number, behind)
}

// numberOf is 0 for what is no file of the log.
func numberOf(log, file string) int {
	before, behind := parts(log)
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(file, before), behind))
	if err != nil || n < 1 || numbered(log, n) != file {
		return 0
	}
	return n
}

// rotated are the numbered files, oldest first.
func rotated(log string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(log))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if file := filepath.Join(filepath.Dir(log), e.Name()); numberOf(log, file) > 0 {
			files = append(files, file)
		}
	}
	slices.SortFunc(files, func(a, b string) int { return numberOf(log, a) - numberOf(log, b) })
	return files, nil
}

// Files are all files of the log in a file, oldest first; the last one is path itself if
// it is there.
func Files(path string) ([]string, error) {
	files, err := rotated(path)
	if err != nil {
		return nil, fmt.Errorf("looking for the audit log: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		files = append(files, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for the audit log: %w", err)
	}
	return files, nil
}

// openLog are all files of a log, open at one moment.
type openLog []*os.File

// openFiles opens all files of a log. A file that is given its number meanwhile would
// be missed or read twice; then it looks again.
func openFiles(path string) (openLog, error) {
	for {
		names, err := Files(path)
		if err != nil {
			return nil, err
		}
		var files openLog
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				files.close()
				return nil, err
			}
			files = append(files, f)
		}
		again, err := Files(path)
		if err == nil && slices.Equal(names, again) {
			return files, nil
		}
		files.close()
		if err != nil {
			return nil, err
		}
	}
}

func (l openLog) close() {
	for _, f := range l {
		_ = f.Close()
	}
}

// lastRotated is the last entry of the newest numbered file; zero if there is none.
func lastRotated(log string) (Entry, error) {
	files, err := rotated(log)
	if err != nil || len(files) == 0 {
		return Entry{}, err
	}
	f, err := os.Open(files[len(files)-1])
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	last, _, err := lastEntry(f)
	return last, err
}
