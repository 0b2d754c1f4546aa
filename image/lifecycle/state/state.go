package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotFound is wrapped by errors about a document that is not there.
var ErrNotFound = errors.New("there is none")

// ErrDamaged is wrapped by errors about a file that is no document.
var ErrDamaged = errors.New("it is not whole")

// Dir is a directory of documents. It may be used by several goroutines and
// processes.
type Dir struct {
	path  string
	waits func(kind string)
}

// Open returns the documents below path, which is made when something is saved.
func Open(path string) Dir { return Dir{path: path} }

// Telling returns the same documents. Lock calls waits when it has waited for others for a
// while: somebody may sit there and wonder.
func (d Dir) Telling(waits func(kind string)) Dir {
	d.waits = waits
	return d
}

// patience is how long Lock waits before it says so.
const patience = time.Second

// Path is where the documents are.
func (d Dir) Path() string { return d.path }

const suffix = ".json"

// file is where a document is. Names come from outside: everything but letters,
// digits and a few signs is escaped as in a URL's query, and a dot at the beginning,
// too, so that no name is another file's or leads out of the directory. A name that is
// too long for a file is an error of the system's.
func (d Dir) file(kind, name string) string {
	escaped := url.QueryEscape(name)
	if strings.HasPrefix(escaped, ".") {
		escaped = "%2E" + escaped[1:]
	}
	return filepath.Join(d.path, kind, escaped+suffix)
}

// Load reads a document into value, which encoding/json can decode. The error wraps
// ErrNotFound when there is none, and ErrDamaged when the file is no JSON.
func (d Dir) Load(kind, name string, value any) error {
	b, err := os.ReadFile(d.file(kind, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s of %q: %w", kind, name, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("reading %s of %q: %w", kind, name, err)
	}
	if err := json.Unmarshal(b, value); err != nil {
		return fmt.Errorf("reading %s: %w (%w)", d.file(kind, name), ErrDamaged, err)
	}
	return nil
}

// Save replaces a document. When it returns nil the document is on the disk.
func (d Dir) Save(kind, name string, value any) error {
	tidyOnce(filepath.Join(d.path, kind))
	b, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = WriteFile(d.file(kind, name), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("saving %s of %q: %w", kind, name, err)
	}
	return nil
}

// Remove removes a document; one that is not there is no error.
func (d Dir) Remove(kind, name string) error {
	file := d.file(kind, name)
	err := os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = SyncDir(filepath.Dir(file))
	}
	if err != nil {
		return fmt.Errorf("removing %s of %q: %w", kind, name, err)
	}
	return nil
}

// Names are those of all documents of a kind, sorted.
func (d Dir) Names(kind string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.path, kind))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind, err)
	}
	var names []string
	for _, e := range entries {
		escaped, ok := strings.CutSuffix(e.Name(), suffix)
		if name, err := url.QueryUnescape(escaped); ok && err == nil && !strings.HasPrefix(escaped, ".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Lock waits until nobody else holds the lock of a kind, and returns a function that
// gives it back. The kernel does it when the process ends.
func (d Dir) Lock(kind string) (unlock func(), err error) {
	dir := filepath.Join(d.path, kind)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("locking %s: %w", kind, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", kind, err)
	}
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		if d.waits != nil {
			defer time.AfterFunc(patience, func() { d.waits(kind) }).Stop()
		}
		err = flock(f, unix.LOCK_EX)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return func() { _ = f.Close() }, nil
}

// WriteFile replaces a file as a whole, and makes its directory (0700). When it
// returns nil the bytes are on the disk.
func WriteFile(file string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := newDraft(dir)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync()); err == nil {
		err = os.Rename(f.Name(), file) // before it is closed, which gives its lock back
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error says why
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir brings the names in a directory to the disk: after a renaming or removal there.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
