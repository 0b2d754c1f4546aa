package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
)

// ErrExists is wrapped by Create's error when the object is already there.
var ErrExists = errors.New("already in the store")

// ErrLost is wrapped by Commit's error when the temporary files have been swept
// away by another host, to which this process seemed dead: it was suspended for
// long. The object can be made again.
var ErrLost = errors.New("another host has taken this process for dead and removed what it had written")

// Pending is an object being made. Write the squashfs file to File and, if there
// is one, its block index to Index, then call Commit; call Abort in any case (it
// does nothing after Commit).
type Pending struct {
	File  *os.File
	Index *os.File

	store  *Store
	digest digest.Digest
	stem   string
	claim  *claim
	done   bool
}

// Create begins the object of d and sweeps what dead processes left. While
// another process makes the same object it waits, and returns an error that
// wraps ErrExists when the other has succeeded, or begins itself when the other
// has failed or died. Meanwhile waiting (which may be nil) is told about the
// other, again when its progress changes. An object that was deleted and can
// still be had back is restored instead of made.
func (s *Store) Create(ctx context.Context, d digest.Digest, waiting func(Other)) (*Pending, error) {
	stem, err := fileStem(d)
	if err != nil {
		return nil, err
	}
	if err := s.makeRealm(); err != nil {
		return nil, err
	}
	there := func() bool {
		_, err := s.Get(d)
		return err == nil
	}
	claim, err := s.claim(ctx, makeClaim+stem, s.objectsDir(), there, waiting)
	if err != nil {
		return nil, fmt.Errorf("making %s: %w", d, err)
	}
	if claim != nil && s.Undelete(d) == nil && there() {
		claim.release()
		claim = nil
	}
	if claim == nil {
		return nil, fmt.Errorf("making %s: %w", d, ErrExists)
	}
	s.sweep() // not before: the one we waited for may have died
	p := &Pending{store: s, digest: d, stem: stem, claim: claim}
	if p.File, err = s.createTemporary(s.objectsDir(), stem); err == nil {
		p.Index, err = s.createTemporary(s.objectsDir(), stem+indexSuffix)
	}
	if err != nil {
		p.Abort()
		return nil, s.WriteFault(err)
	}
	return p, nil
}

// makeClaim begins the names of claims on making an object.
const makeClaim = "make-"

// Progress is shown to the processes that wait for this object. Any value that
// encoding/json can encode in 512 bytes will do.
func (p *Pending) Progress(v any) { p.claim.progress(v) }

// Commit publishes the object. Version, Digest, Created and SizeBytes of meta
// are filled in. When another process, which took this one for dead, has
// published the same object meanwhile, that one is returned. After an error
// nothing is published and Abort cleans up.
func (p *Pending) Commit(meta Meta) (Object, error) {
	info, err := p.File.Stat()
	if err != nil {
		return Object{}, fmt.Errorf("publishing %s: %w", p.digest, err)
	}
	meta.Version, meta.Digest, meta.SizeBytes = MetaVersion, p.digest, info.Size()
	meta.Created = time.Now().UTC().Truncate(time.Second)
	encoded, err := meta.encode()
	if err != nil {
		return Object{}, err
	}
	s := p.store
	s.step("commit")
	if o, err := s.Get(p.digest); err == nil {
		p.Abort()
		return o, nil
	}
	path := filepath.Join(s.objectsDir(), p.stem+imageSuffix)
	if err := p.publish(path, encoded); err != nil {
		if _, statErr := os.Lstat(path); errors.Is(statErr, fs.ErrNotExist) {
			_ = s.removeBeside(p.stem) // nothing stays of a failure
		}
		return Object{}, s.WriteFault(err)
	}
	p.done = true
	closeErr := errors.Join(p.File.Close(), p.Index.Close())
	p.claim.release()
	if closeErr != nil {
		return Object{}, s.WriteFault(fmt.Errorf("publishing %s: %w", p.digest, closeErr))
	}
	return Object{Digest: p.digest, Path: path, Meta: meta}, nil
}

// publish puts what stands beside the object in place, and then the object.
func (p *Pending) publish(path string, meta []byte) error {
	beside := filepath.Join(p.store.objectsDir(), p.stem)
	info, err := p.Index.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("publishing the block index: %w", err)
	case info.Size() > 0:
		err = publish(p.Index, beside+indexSuffix)
	default:
		err = removeFile(p.Index.Name())
	}
	if err != nil {
		return err
	}
	if err := p.store.publishSmall(beside+metaSuffix, meta); err != nil {
		return err
	}
	p.store.step("publish")
	return publish(p.File, path)
}

// Abort removes what was written, unless it was published.
func (p *Pending) Abort() {
	if p.done {
		return
	}
	p.done = true
	for _, f := range []*os.File{p.File, p.Index} {
		if f != nil {
			_ = os.Remove(f.Name())
			_ = f.Close()
		}
	}
	p.claim.release()
}

// Scratch makes an empty directory on the store's file system for things too
// big for /tmp, and returns a function that removes it. What a killed process
// leaves is swept like any temporary file.
func (s *Store) Scratch() (dir string, remove func(), err error) {
	if err := s.makeRealm(); err != nil {
		return "", nil, err
	}
	s.sweep()
	dir, err = s.createTemporaryDir("scratch")
	if err != nil {
		return "", nil, s.WriteFault(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}
