package guide

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"unicode/utf8"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"golang.org/x/sys/unix"
)

var _ bench.Bench = (*Bench)(nil)

// Bench is the workspace whose shell runs, for a page.
type Bench struct{ Engine *Engine }

// List implements bench.Bench.
func (b *Bench) List(_ context.Context, inside string) (l bench.Listing, err error) {
	err = b.Engine.inShell(func(w *workspace.Workspace) error {
		entries, more, err := w.List(inside)
		if err != nil {
			return fileFault(inside, err)
		}
		l = bench.Listing{Path: path.Clean(inside), More: more, Entries: make([]bench.Entry, 0, len(entries))}
		for _, e := range entries {
			l.Entries = append(l.Entries, entry(e))
		}
		return nil
	})
	return l, err
}

func entry(e workspace.Entry) bench.Entry {
	out := bench.Entry{Name: e.Name, Kind: bench.Other, Modified: e.Info.ModTime()}
	switch mode := e.Info.Mode(); {
	case !utf8.ValidString(e.Name):
		out.Name = fmt.Sprintf("%q", e.Name) // no page can ask for it
	case mode.IsDir():
		out.Kind = bench.Directory
	case mode&fs.ModeSymlink != 0:
		out.Kind = bench.Link
	case mode.IsRegular():
		out.Kind, out.Bytes = bench.Regular, e.Info.Size()
	}
	return out
}

// Open implements bench.Bench. The workspace stays open until the file is closed.
func (b *Bench) Open(_ context.Context, inside string) (bench.File, error) {
	w, name, err := b.Engine.acquireShell()
	if err != nil {
		return nil, err
	}
	taken := taken{engine: b.Engine, w: w, name: name}
	f, info, err := w.OpenFile(inside)
	switch {
	case err == nil:
		return &file{taken, f, path.Base(path.Clean(inside)), info.Size()}, nil
	case errors.Is(err, workspace.ErrDirectory):
		return &directory{taken, path.Clean(inside)}, nil
	}
	b.Engine.release(name, w)
	return nil, fileFault(inside, err)
}

// taken keeps a workspace open.
type taken struct {
	engine *Engine
	w      *workspace.Workspace
	name   string
}

func (t taken) Close() error {
	t.engine.release(t.name, t.w)
	return nil
}

// file is one that is taken out as it was long when it was opened.
type file struct {
	taken
	f     *os.File
	base  string
	bytes int64
}

func (f *file) Name() string { return f.base }

func (f *file) Bytes() int64 { return f.bytes }

func (f *file) Send(_ context.Context, out io.Writer) error {
	_, err := io.CopyN(out, f.f, f.bytes)
	return err
}

func (f *file) Close() error { return errors.Join(f.f.Close(), f.taken.Close()) }

// directory is taken out as a tar, compressed.
type directory struct {
	taken
	path string
}

func (d *directory) Name() string {
	if d.path == "/" {
		return d.name + ".tar.gz"
	}
	return path.Base(d.path) + ".tar.gz"
}

func (d *directory) Bytes() int64 { return -1 }

func (d *directory) Send(ctx context.Context, out io.Writer) error {
	z := gzip.NewWriter(out)
	return errors.Join(d.w.Pack(ctx, d.path, z), z.Close())
}

// Put implements bench.Bench.
func (b *Bench) Put(_ context.Context, inside string, content io.Reader, bytes int64, overwrite bool) error {
	return b.Engine.inShell(func(w *workspace.Workspace) error {
		err := b.Engine.Shop.Put(w, inside, content, bytes, overwrite)
		return fileFault(inside, err)
	})
}

// MakeFolder implements bench.Bench.
func (b *Bench) MakeFolder(_ context.Context, inside string) error {
	return b.Engine.inShell(func(w *workspace.Workspace) error {
		return fileFault(inside, w.MakeDirectory(inside))
	})
}

// fileFault says in words why something cannot be done with a file.
func fileFault(inside string, err error) error {
	if err == nil {
		return nil
	}
	fail := func(kind error, what message.Text, next ...message.Text) error {
		return errors.Join(kind, message.Fail(what, nil, next...))
	}
	switch {
	case errors.Is(err, workspace.ErrPath), errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.EINVAL):
		return fail(bench.ErrRequest, message.Of("bench.path", inside))
	case errors.Is(err, fs.ErrExist):
		return fail(bench.ErrExists, message.Of("bench.exists", inside))
	case errors.Is(err, workspace.ErrDirectory):
		return fail(bench.ErrNotFile, message.Of("bench.is-directory", inside))
	case errors.Is(err, workspace.ErrNoFile):
		return fail(bench.ErrNotFile, message.Of("bench.no-file", inside))
	case errors.Is(err, workspace.ErrShown):
		return fail(bench.ErrNotFile, message.Of("bench.shown", inside))
	case errors.Is(err, workspace.ErrNoRoom), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fail(bench.ErrNoRoom, message.Of("bench.no-room", inside), message.Of("bench.no-room.next"))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return fail(bench.ErrMissing, message.Of("bench.missing", inside))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return fail(bench.ErrIncomplete, message.Of("bench.incomplete", inside))
	}
	return message.Fail(message.Of("bench.failed", inside), err)
}

// Busy implements bench.Bench.
func (b *Bench) Busy(context.Context) (string, error) {
	t, err := b.Engine.shellTerminal()
	if t == nil || err != nil {
		return "", err
	}
	return t.Busy(), nil
}

// HangUp implements bench.Bench.
func (b *Bench) HangUp(context.Context) error {
	t, err := b.Engine.shellTerminal()
	if t == nil || err != nil {
		return err
	}
	return t.HangUp()
}

// Changes implements bench.Bench.
func (b *Bench) Changes(ctx context.Context) (all flow.Changes, err error) {
	err = b.Engine.inShell(func(w *workspace.Workspace) error {
		changes, err := b.Engine.Shop.Changes(ctx, w)
		if err == nil {
			all = summed(changes)
		}
		return err
	})
	return all, err
}

// Recipe implements bench.Bench.
func (b *Bench) Recipe(ctx context.Context) (text string, err error) {
	err = b.Engine.inShell(func(w *workspace.Workspace) error {
		r, err := b.Engine.Shop.Recipe(ctx, w)
		text = r.Dockerfile
		return err
	})
	return text, err
}
