package audit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"golang.org/x/sys/unix"
)

// Log is a log in a file. It may be used by several goroutines and processes.
type Log struct {
	path  string
	actor string
	now   func() time.Time
}

var _ Recorder = (*Log)(nil)

// Open returns the log in a file, for an actor. The file is made by the first act.
func Open(path, actor string) *Log { return &Log{path, actor, time.Now} }

// mostError bounds what is kept of an error, in bytes.
const mostError = 4 << 10

// Do records act, runs do, and records how it ended.
func (l *Log) Do(act Act, do func() error) error {
	act, err := act.clean()
	if err != nil {
		return fmt.Errorf("it was not done: %w", err)
	}
	id := rand.Text()
	if err := l.append(Entry{ID: id, Outcome: Begun, Act: act}); err != nil {
		return notDone(err)
	}
	err = do()
	end := Entry{ID: id, Outcome: Done, Act: act}
	if err != nil {
		text := masked(err.Error())
		end.Outcome, end.Error = Failed, masked(text[:min(len(text), mostError)])
	}
	if logErr := l.append(end); logErr != nil {
		return errors.Join(err, fmt.Errorf("writing how it ended into the audit log: %w", logErr))
	}
	return err
}

// notDone explains why an act was not even begun. What is a fault says it itself.
func notDone(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fmt.Errorf("it was not done, because the audit log cannot be written: %w", err)
}

// lock waits until nobody else appends or rotates. A file of its own is locked: the
// log's gets another name when it is rotated.
func (l *Log) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil
}

// append writes an entry after the last one, and notes it as the last one.
func (l *Log) append(e Entry) error {
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // it has been synced, or an error was returned
	last, size, err := l.last(f)
	if err != nil {
		return err
	}
	e.Number, e.Previous, e.Time, e.Actor = last.Number+1, last.Hash, l.now().UTC(), masked(l.actor)
	if err := e.seal(); err != nil {
		return err
	}
	line, err := e.line()
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if err == nil && size == 0 {
		err = state.SyncDir(filepath.Dir(l.path)) // the file is new
	}
	if err != nil {
		// What may be on the disk, or half of it, must not be there: nobody will be told
		// that it is. If this fails as well, the next entry takes care of half a line.
		_ = f.Truncate(size)
		return err
	}
	err = writeHead(l.path, e.head())
	if err != nil && e.Outcome == Begun {
		_ = f.Truncate(size) // it will not begin; how something ended stays
	}
	return err
}

// last is the entry that the next one follows, and how long f is up to its end. It cuts
// off what a power cut has left of a line.
func (l *Log) last(f *os.File) (last Entry, size int64, err error) {
	last, size, err = lastEntry(f)
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil && size == 0 {
		last, err = lastRotated(l.path)
	}
	if err != nil {
		return Entry{}, 0, err
	}
	noted, err := readHead(l.path)
	if err == nil && (last.Number < noted.Number || last.Number == noted.Number && last.Hash != noted.Hash) {
		err = fmt.Errorf("it ends with entry %d, and there was an entry %d with the hash %s", last.Number, noted.Number, noted.Hash)
	}
	if err != nil {
		return Entry{}, 0, fault.Newf(err,
			"see what there is: jadm audit verify\nput back what was removed; or, if the loss is explained and written down elsewhere: rm "+headFile(l.path),
			"nothing is done, because the end of the audit log %s is missing", l.path)
	}
	return last, size, nil
}

// lastEntry reads the last whole line of a file; size is where it ends. The zero Entry
// and 0 are of a file without any.
func lastEntry(f *os.File) (last Entry, size int64, err error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return Entry{}, 0, err
	}
	start := max(0, end-2*mostLine) // half a line, and a whole one
	tail := make([]byte, end-start)
	if _, err := f.ReadAt(tail, start); err != nil {
		return Entry{}, 0, err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole == 0 {
		if start > 0 {
			return Entry{}, 0, fmt.Errorf("the last line of %s is longer than any entry", f.Name())
		}
		return Entry{}, 0, nil
	}
	last, err = parse(tail[bytes.LastIndexByte(tail[:whole-1], '\n')+1 : whole-1])
	if err != nil {
		return Entry{}, 0, fmt.Errorf("the last line of %s: %w", f.Name(), err)
	}
	return last, start + int64(whole), nil
}

// Head is the last entry, for keeping elsewhere.
func (l *Log) Head() (Head, error) {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		last, err := lastRotated(l.path)
		return last.head(), err
	}
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	last, size, err := lastEntry(f)
	if err == nil && size == 0 {
		last, err = lastRotated(l.path)
	}
	return last.head(), err
}
