package workshop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// recordFile is a workspace's own record, without secrets, in its directory.
const recordFile = "record"

// openRecord makes the file that a shell records to, empty, and returns its path.
func (s *Workshop) openRecord(w *workspace.Workspace) (string, error) {
	if err := s.foldRecord(w); err != nil {
		return "", err
	}
	path := s.rawRecord(w)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("recording: %w", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return "", fmt.Errorf("recording: %w", err)
	}
	return path, nil
}

// rawRecord is where a shell records, where a reboot forgets it.
func (s *Workshop) rawRecord(w *workspace.Workspace) string {
	return filepath.Join(s.Store.RunDir(), "records", w.ID())
}

// foldRecord adds what a shell has recorded to the workspace's own record, without
// the secrets in it, and removes it. After a kill it is the next one's work.
func (s *Workshop) foldRecord(w *workspace.Workspace) error {
	raw, err := os.Open(s.rawRecord(w))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what was typed: %w", err)
	}
	defer raw.Close()
	if err := s.note(w, func(f *os.File) error { return recipe.Redact(f, raw) }); err != nil {
		return err
	}
	return os.Remove(raw.Name())
}

// note adds to the workspace's record.
func (s *Workshop) note(w *workspace.Workspace, add func(*os.File) error) error {
	dir, err := w.Dir()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, recordFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	if err = errors.Join(add(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// record reads the workspace's record.
func (s *Workshop) record(w *workspace.Workspace) (recipe.Record, error) {
	if err := s.foldRecord(w); err != nil {
		return recipe.Record{}, err
	}
	dir, err := w.Dir()
	if err != nil {
		return recipe.Record{}, err
	}
	f, err := os.Open(filepath.Join(dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return recipe.Record{}, nil
	}
	if err != nil {
		return recipe.Record{}, fmt.Errorf("reading what was typed: %w", err)
	}
	defer f.Close()
	return recipe.Parse(f)
}
