package stage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
)

// File is one of the workspace, as a test sees it.
func (s *Stage) File(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.files[name]
	return string(b), ok
}

// DiskFull makes the disk full, or not.
func (s *Stage) DiskFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// workbench is a stage as the workspace in which a shell runs.
type workbench Stage

var _ bench.Bench = (*workbench)(nil)

// List implements bench.Bench.
func (b *workbench) List(_ context.Context, dir string) (bench.Listing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := bench.Listing{Path: path.Clean(dir)}
	seen := map[string]bool{}
	for name, content := range b.files {
		rest, ok := strings.CutPrefix(name, strings.TrimSuffix(l.Path, "/")+"/")
		first, _, deeper := strings.Cut(rest, "/")
		if !ok || first == "" || seen[first] {
			continue
		}
		seen[first] = true
		e := bench.Entry{Name: first, Kind: bench.Regular, Bytes: int64(len(content)), Modified: time.Date(2026, 11, 20, 10, 0, 0, 0, time.Local)}
		if deeper {
			e.Kind, e.Bytes = bench.Directory, 0
		}
		l.Entries = append(l.Entries, e)
	}
	sort.Slice(l.Entries, func(i, j int) bool { return l.Entries[i].Name < l.Entries[j].Name })
	return l, nil
}

type file struct {
	name    string
	content []byte
}

func (f file) Name() string { return f.name }
func (f file) Bytes() int64 { return int64(len(f.content)) }
func (f file) Close() error { return nil }

func (f file) Send(_ context.Context, out io.Writer) error {
	_, err := io.Copy(out, bytes.NewReader(f.content))
	return err
}

// Open implements bench.Bench.
func (b *workbench) Open(_ context.Context, name string) (bench.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	content, ok := b.files[name]
	if !ok {
		return nil, errors.Join(bench.ErrMissing, message.Fail(message.Of("bench.missing", name), nil))
	}
	return file{path.Base(name), content}, nil
}

// Put implements bench.Bench.
func (b *workbench) Put(_ context.Context, name string, content io.Reader, _ int64, overwrite bool) error {
	b.mu.Lock()
	_, there := b.files[name]
	full := b.full
	b.mu.Unlock()
	if there && !overwrite {
		return errors.Join(bench.ErrExists, message.Fail(message.Of("bench.exists", name), nil))
	}
	if full {
		return errors.Join(bench.ErrNoRoom, message.Fail(message.Of("bench.no-room", name), nil, message.Of("bench.no-room.next")))
	}
	all, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files[name] = all
	return nil
}

// MakeFolder implements bench.Bench: a folder is a name that ends with a slash.
func (b *workbench) MakeFolder(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files[name+"/"] = nil
	return nil
}

// Busy implements bench.Bench.
func (b *workbench) Busy(context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.program, nil
}

// HangUp implements bench.Bench.
func (b *workbench) HangUp(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.program = ""
	return nil
}

// Changes implements bench.Bench.
func (b *workbench) Changes(context.Context) (flow.Changes, error) {
	c := b.Engine.Changed
	c.Suspects = []flow.Suspect{{Path: "/root/.ssh/id_ed25519", Why: message.Of("secret.privateKey", "/root/.ssh/id_ed25519", 1)}}
	return c, nil
}

// Recipe implements bench.Bench.
func (b *workbench) Recipe(ctx context.Context) (string, error) { return b.Engine.Recipe(ctx, "") }

// Search implements bench.Bench.
func (b *workbench) Search(_ context.Context, words string) (bench.Found, error) {
	var f bench.Found
	for _, name := range []string{"gromacs", "gromacs-mpich", "gromacs-data", "python3-numpy"} {
		if strings.Contains(name, words) {
			f.Packages = append(f.Packages, bench.Package{Manager: "apt", Name: name, Version: "2026.1-1", Summary: message.Plain("Molecular dynamics simulator, with building and analysis tools"), Command: "apt-get install -y " + name})
		}
	}
	if len(f.Packages) > 2 {
		f.Packages[2].Installed = "2026.1-1"
	}
	return f, nil
}
