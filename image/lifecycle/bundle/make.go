package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// partialSuffix is of a bundle that is not whole.
const partialSuffix = ".partial"

// maker makes one bundle.
type maker struct {
	r     Request
	disk  *disk // DIR.partial
	final string

	telling sync.Mutex

	pinned     map[key]bool // pins that were found
	b          *Bundle
	graphs     map[key]graph // of images and accessories
	elsewhere  map[digest.Digest]imgspec.Descriptor
	elseLocker sync.Mutex
	written    map[string]bool // files of the payload that are not blobs
}

// key is an artifact of a repository.
type key struct {
	repository string
	digest     digest.Digest
}

// Make makes the bundle dir, or goes on with it. When it returns nil the bundle is
// whole, on the disk, and was read back. A dir that holds the bundle of this owner
// already is only verified. Errors that a person can do something about are faults.
func Make(ctx context.Context, dir string, r Request) (Summary, error) {
	if err := r.check(); err != nil {
		return Summary{}, fmt.Errorf("making a bundle: %w", err)
	}
	final, err := filepath.Abs(dir)
	if err != nil {
		return Summary{}, fmt.Errorf("making a bundle: %w", err)
	}
	m := &maker{r: r, final: final, disk: &disk{dir: final + partialSuffix, before: r.before}, pinned: map[key]bool{}, graphs: map[key]graph{}, elsewhere: map[digest.Digest]imgspec.Descriptor{}}
	s, err := m.make(ctx)
	return s, roomFault(m.disk.dir, err)
}

func (m *maker) make(ctx context.Context) (Summary, error) {
	if done, s, err := m.already(ctx); done || err != nil {
		return s, err
	}
	if err := m.disk.step("begin"); err != nil {
		return Summary{}, err
	}
	if err := os.MkdirAll(m.disk.dir, 0o700); err != nil {
		return Summary{}, err
	}
	unlock, err := m.disk.lock()
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	if done, s, err := m.already(ctx); done || err != nil {
		return s, err // another process was faster
	}
	if s, ok := m.onlyUnnamed(ctx); ok {
		return s, m.disk.finish(m.final)
	}
	snap, err := m.snapshot(ctx)
	if err != nil {
		return Summary{}, err
	}
	m.b = &snap.Bundle
	for _, step := range []func(context.Context) error{m.exploreAll, m.download, m.describe, m.writeAll} {
		if err := step(ctx); err != nil {
			return Summary{}, err
		}
	}
	s, err := m.verify(ctx, m.disk.dir)
	if err != nil {
		return Summary{}, fmt.Errorf("reading the bundle back: %w", err)
	}
	return s, m.disk.finish(m.final)
}

// already looks whether dir is there. It must be what was asked for.
func (m *maker) already(ctx context.Context) (bool, Summary, error) {
	if _, err := os.Lstat(m.final); errors.Is(err, fs.ErrNotExist) {
		return false, Summary{}, nil
	} else if err != nil {
		return false, Summary{}, err
	}
	const next = "choose another directory, or move it away"
	b, err := Load(m.final)
	if err != nil {
		return false, Summary{}, fault.Newf(err, next, "there is something at %s", m.final)
	}
	if b.Owner.ID != m.r.Owner.ID || b.Registry != m.r.Registry.Host() {
		return false, Summary{}, fault.Newf(fmt.Errorf("it is of %s, from %s", b.Owner.ID, b.Registry), next, "there is another bundle at %s", m.final)
	}
	s, err := m.verify(ctx, m.final)
	return err == nil, s, err
}

// onlyUnnamed finds a bundle that lacks nothing but its name, because the run that
// made it ended there.
func (m *maker) onlyUnnamed(ctx context.Context) (Summary, bool) {
	if _, err := os.Lstat(m.disk.path(snapshotFile)); !errors.Is(err, fs.ErrNotExist) {
		return Summary{}, false
	}
	if _, err := os.Lstat(m.disk.path(tagManifestFile)); err != nil || m.r.Refresh {
		return Summary{}, false
	}
	b, err := Load(m.disk.dir)
	if err != nil || b.Owner.ID != m.r.Owner.ID || b.Registry != m.r.Registry.Host() {
		return Summary{}, false
	}
	s, err := m.verify(ctx, m.disk.dir)
	return s, err == nil
}

func (m *maker) verify(ctx context.Context, dir string) (Summary, error) {
	s, err := VerifyWith(ctx, dir, VerifyRequest{Workers: m.r.Workers, Progress: m.r.Progress})
	s.Dir = m.final
	return s, err
}

func (m *maker) progress(p Progress) {
	if m.r.Progress != nil {
		m.telling.Lock()
		defer m.telling.Unlock()
		m.r.Progress(p)
	}
}
