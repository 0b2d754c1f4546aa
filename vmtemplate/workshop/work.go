package workshop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/shellword"
	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// New makes a workspace from an image of this machine or a registry.
func (s *Workshop) New(ctx context.Context, name, base string, progress workspace.Progress) (*workspace.Workspace, error) {
	if err := workspace.CheckName(name); err != nil {
		return nil, err
	}
	if s.Store.Has(name) { // before a long download
		return nil, message.Fail(message.Of("workspace.exists", name), nil, message.Of("workspace.exists.go-on", name), message.Of("workspace.exists.other"))
	}
	found, err := s.Store.Find(ctx, base, progress)
	if err != nil {
		return nil, err
	}
	return s.Store.Create(name, found)
}

// Shell runs the workspace's shell, which records what is typed, and returns its exit
// status. prompt stands before each command; welcome, if there is one, before the first.
func (s *Workshop) Shell(ctx context.Context, w *workspace.Workspace, prompt, welcome string, session workspace.Session) (int, error) {
	_, path, err := w.Shell()
	if err != nil {
		return 0, err
	}
	if path == "" {
		return 0, message.Fail(message.Of("shell.none", w.Name), nil, message.Of("shell.none.next"))
	}
	raw, err := s.openRecord(w)
	if err != nil {
		return 0, err
	}
	start := recipe.Hook{Prompt: prompt, Welcome: welcome}.Start(path)
	session.Args, session.Record = start.Args, raw
	session.Env = append(session.Env, start.Env...)
	session.Rc = map[string][]byte{}
	for file, text := range start.Files {
		session.Rc[strings.TrimPrefix(file, inside.Ours+"/")] = []byte(text)
	}
	status, err := w.Run(ctx, session)
	if foldErr := s.closeRecord(w); err == nil {
		err = foldErr
	}
	return status, err
}

// Run runs a line of shell in the workspace and records it.
func (s *Workshop) Run(ctx context.Context, w *workspace.Workspace, line string, session workspace.Session) (int, error) {
	session.Args = []string{"/bin/sh", "-c", line}
	return s.recorded(ctx, w, line, session)
}

// Exec runs a program in the workspace and records it.
func (s *Workshop) Exec(ctx context.Context, w *workspace.Workspace, args []string, session workspace.Session) (int, error) {
	session.Args = args
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = shellword.Quote(a)
	}
	return s.recorded(ctx, w, strings.Join(words, " "), session)
}

func (s *Workshop) recorded(ctx context.Context, w *workspace.Workspace, text string, session workspace.Session) (int, error) {
	dir, err := w.StartDir()
	if err != nil {
		return 0, err
	}
	started := time.Now()
	status, err := w.Run(ctx, session)
	if err != nil {
		return 0, err
	}
	c := recipe.Command{Text: text, Dir: dir, After: dir, Start: started, End: time.Now(), Status: status, Ended: true}
	var raw bytes.Buffer
	if err := recipe.Append(&raw, c); err != nil {
		return status, err
	}
	return status, s.note(w, func(f *os.File) error { return recipe.Redact(f, &raw) })
}

// CopyIn copies a file or directory into the workspace and records it.
func (s *Workshop) CopyIn(w *workspace.Workspace, source, target string) error {
	inside, err := w.CopyIn(source, target)
	if err != nil {
		return err
	}
	return s.noteCopies(w, inside)
}

// Write makes a file in the workspace and records it as one that was copied in.
func (s *Workshop) Write(w *workspace.Workspace, path string, content []byte) error {
	f, err := os.CreateTemp("", "write-")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644)
	}
	f.Close()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	inside, err := w.CopyIn(f.Name(), path)
	if err != nil {
		return err
	}
	return s.noteCopies(w, inside)
}

// noteCopies records the files below a path that was copied in.
func (s *Workshop) noteCopies(w *workspace.Workspace, path string) error {
	root, err := w.Root()
	if err != nil {
		return err
	}
	now := time.Now()
	return s.note(w, func(f *os.File) error {
		return filepath.WalkDir(filepath.Join(root, path), func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			relative, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			return recipe.AppendCopy(f, "/"+relative, now)
		})
	})
}

// Put makes a file in the workspace of what content gives and records it as one that was
// copied in; see workspace.Put.
func (s *Workshop) Put(w *workspace.Workspace, path string, content io.Reader, bytes int64, overwrite bool) error {
	place, err := w.Put(path, content, bytes, overwrite)
	if err != nil {
		return err
	}
	now := time.Now()
	return s.note(w, func(f *os.File) error { return recipe.AppendCopy(f, place, now) })
}
