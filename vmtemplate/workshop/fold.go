package workshop

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
)

// beginRecord makes the file that shells record to. Its first line tells it from all
// others, wherever its contents get to.
func beginRecord(raw string) error {
	if err := os.MkdirAll(filepath.Dir(raw), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(raw, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(recipe.Begin(f), f.Close())
}

// fold adds what shells have recorded in the file raw to the record own, without the
// secrets in it, and removes raw. It may be killed at any moment and is then done again:
// own is replaced as a whole, and who finds that it has raw's first line already has only
// to remove raw.
func fold(raw, own string) error {
	from, err := os.Open(raw)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	kept := false
	id, err := recipe.ID(from)
	if err == nil && id != "" { // a program inside can have taken the line away
		err = readInto(own, func(r io.Reader) (err error) { kept, err = recipe.Holds(r, id); return err })
	}
	if err == nil && !kept {
		_, err = from.Seek(0, io.SeekStart)
		err = errors.Join(err, replace(own, from))
	}
	if err != nil {
		return err
	}
	return os.Remove(raw)
}

// replace writes the record own anew: what is in it, and then what from has.
func replace(own string, from io.Reader) error {
	next := own + ".new" // of one that was killed, too
	to, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = readInto(own, func(r io.Reader) error { _, err := io.Copy(to, r); return err })
	if err == nil {
		err = recipe.Redact(to, from)
	}
	if err = errors.Join(err, to.Sync(), to.Close()); err == nil {
		err = os.Rename(next, own)
	}
	if err != nil {
		_ = os.Remove(next)
		return err
	}
	dir, err := os.Open(filepath.Dir(own)) // what was typed is gone from the tmpfs after a power cut
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
