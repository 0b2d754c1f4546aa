package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Outcomes of an act.
const (
	Begun  = "begun" // and if nothing follows with the same ID, it was interrupted
	Done   = "done"
	Failed = "failed"
)

// Entry is a line of the log.
type Entry struct {
	Number   int64     `json:"number"` // from 1, without gaps
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"` // who ran jadm: an account, and who became it with sudo
	ID       string    `json:"id"`    // the same for the entries of one act
	Outcome  string    `json:"outcome"`
	Error    string    `json:"error,omitempty"` // of a failed one
	Act                // what was done
	Previous string    `json:"previous"` // Hash of the entry before; empty for the first
	Hash     string    `json:"hash"`     // SHA-256, hexadecimal, of the entry with an empty Hash, as JSON
}

// seal fills in Hash.
func (e *Entry) seal() error {
	sum, err := e.sum()
	e.Hash = sum
	return err
}

func (e Entry) sum() (string, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// Log is a log in a file. It may be used by several goroutines and processes.
type Log struct {
	path  string
	actor string
	now   func() time.Time
}

var _ Recorder = (*Log)(nil)

// Open returns the log in a file, for an actor. The file is made by the first act.
func Open(path, actor string) *Log { return &Log{path, actor, time.Now} }

// Do records act, runs do, and records how it ended.
func (l *Log) Do(act Act, do func() error) error {
	id := rand.Text()
	if err := l.append(Entry{ID: id, Outcome: Begun, Act: act}); err != nil {
		return fmt.Errorf("it was not done, because the audit log cannot be written: %w", err)
	}
	err := do()
	end := Entry{ID: id, Outcome: Done, Act: act}
	if err != nil {
		end.Outcome, end.Error = Failed, err.Error()
	}
	if logErr := l.append(end); logErr != nil {
		return errors.Join(err, fmt.Errorf("writing how it ended into the audit log: %w", logErr))
	}
	return err
}

// append writes an entry after the last one.
func (l *Log) append(e Entry) error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // which ends the lock
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("locking %s: %w", l.path, err)
	}
	last, err := lastEntry(f)
	if err != nil {
		return err
	}
	e.Number, e.Previous, e.Time, e.Actor = last.Number+1, last.Hash, l.now().UTC(), l.actor
	if err := e.seal(); err != nil {
		return err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// mostLine is more than any entry has, in bytes.
const mostLine = 1 << 20

// lastEntry reads the last line. What a power cut has left of a line is cut off: its
// act was not begun, as Do tells nobody before the line is on the disk.
func lastEntry(f *os.File) (Entry, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return Entry{}, err
	}
	start := max(0, size-2*mostLine)
	tail := make([]byte, size-start)
	if _, err := f.ReadAt(tail, start); err != nil {
		return Entry{}, err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole < len(tail) {
		if err := f.Truncate(start + int64(whole)); err != nil {
			return Entry{}, err
		}
	}
	if whole == 0 {
		return Entry{}, nil
	}
	line := tail[bytes.LastIndexByte(tail[:whole-1], '\n')+1 : whole]
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return Entry{}, fmt.Errorf("the last line of %s is no entry: %w", f.Name(), err)
	}
	return e, nil
}
