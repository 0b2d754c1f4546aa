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
	"golang.org/x/sys/unix"
)

// ErrExists is wrapped by Create's error when the object is already there.
var ErrExists = errors.New("already in the store")

// lockPoll is how often a waiting process looks whether the other is done.
// Polling, unlike a blocking flock, can be cancelled and notices an object that
// another host published without a lock that is visible here.
const lockPoll = 100 * time.Millisecond

// Pending is an object being made. Write the squashfs file to File and, if there
// is one, its block index to Index, then call Commit; call Abort in any case (it
// does nothing after Commit).
type Pending struct {
	File  *os.File
	Index *os.File

	store  *Store
	digest digest.Digest
	stem   string
	lock   *os.File // nil where locks do not work
	done   bool
}

// Create begins the object of d and sweeps what dead processes left. While
// another process makes the same object it waits, after calling waiting once
// (which may be nil), and returns an error that wraps ErrExists when the other
// has succeeded, or begins itself when the other has failed or died.
func (s *Store) Create(ctx context.Context, d digest.Digest, waiting func()) (*Pending, error) {
	stem, err := fileStem(d)
	if err != nil {
		return nil, err
	}
	if err := s.makeRealm(); err != nil {
		return nil, err
	}
	lock, err := s.lockDigest(ctx, d, stem, waiting)
	if err != nil {
		return nil, err
	}
	s.sweep() // not before: the one we waited for may have died
	p := &Pending{store: s, digest: d, stem: stem, lock: lock}
	if p.File, err = s.createTemporary(s.objectsDir(), stem); err == nil {
		p.Index, err = s.createTemporary(s.objectsDir(), stem+indexSuffix)
	}
	if err != nil {
		p.Abort()
		return nil, s.WriteFault(err)
	}
	return p, nil
}

// lockDigest returns once this process is the one to make d, or with ErrExists.
func (s *Store) lockDigest(ctx context.Context, d digest.Digest, stem string, waiting func()) (*os.File, error) {
	path := filepath.Join(s.objectsDir(), temporaryPrefix+stem+lockSuffix)
	for {
		lock, err := tryLock(path)
		busy := errors.Is(err, unix.EWOULDBLOCK)
		if err != nil && !busy && !errors.Is(err, errLocksDoNotWork) {
			return nil, s.WriteFault(err)
		}
		if _, err := s.Get(d); err == nil {
			releaseLock(lock)
			return nil, fmt.Errorf("making %s: %w", d, ErrExists)
		}
		if !busy {
			return lock, nil
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another jrun that makes %s: %w", d, context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

var errLocksDoNotWork = errors.New("the file system has no locks")

// tryLock takes the lock file at path. The error is EWOULDBLOCK when another
// process has it.
func tryLock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("creating a lock file: %w", err)
		}
		err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && stillNamed(f) {
			return f, nil
		}
		_ = f.Close()
		switch {
		case err == nil: // its last owner removed it between our open and lock
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, err
		default:
			_ = os.Remove(path)
			return nil, errLocksDoNotWork
		}
	}
}

// releaseLock removes the lock file while it is still held, so that it never
// lies about.
func releaseLock(lock *os.File) {
	if lock == nil {
		return
	}
	_ = os.Remove(lock.Name())
	_ = lock.Close()
}

func (p *Pending) unlock() { releaseLock(p.lock); p.lock = nil }

// Commit publishes the object. Version, Digest, Created and SizeBytes of meta
// are filled in. After an error nothing is published and Abort cleans up.
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
	path := filepath.Join(s.objectsDir(), p.stem+imageSuffix)
	if err := p.publish(path, encoded); err != nil {
		if _, statErr := os.Lstat(path); errors.Is(statErr, fs.ErrNotExist) {
			_ = s.removeBeside(p.stem) // nothing stays of a failure
		}
		return Object{}, s.WriteFault(err)
	}
	p.done = true
	closeErr := errors.Join(p.File.Close(), p.Index.Close())
	p.unlock()
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
		err = os.Remove(p.Index.Name())
	}
	if err != nil {
		return err
	}
	if err := p.store.publishSmall(beside+metaSuffix, meta); err != nil {
		return err
	}
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
	p.unlock()
}

// Scratch makes an empty directory on the store's file system for things too
// big for /tmp, and returns a function that removes it. What a killed process
// leaves is swept like any temporary file.
func (s *Store) Scratch() (dir string, remove func(), err error) {
	if err := s.makeRealm(); err != nil {
		return "", nil, err
	}
	s.sweep()
	f, err := s.createTemporaryDir("scratch")
	if err != nil {
		return "", nil, s.WriteFault(err)
	}
	return f.Name(), func() {
		_ = os.RemoveAll(f.Name())
		_ = f.Close()
	}, nil
}
