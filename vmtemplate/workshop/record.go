package workshop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// recordFile is a workspace's own record, without secrets, in its directory.
const recordFile = "record"

// openRecord makes the file that a shell records to and returns its path. Until
// closeRecord it is the shell's, and that of those which begin meanwhile.
func (s *Workshop) openRecord(w *workspace.Workspace) (string, error) {
	s.recording.Lock()
	defer s.recording.Unlock()
	if err := s.foldRecord(w); err != nil {
		return "", err
	}
	path := s.rawRecord(w)
	if s.live[w.ID()] == 0 {
		if err := beginRecord(path); err != nil {
			return "", fmt.Errorf("recording: %w", err)
		}
	}
	if s.live == nil {
		s.live = map[string]int{}
	}
	s.live[w.ID()]++
	return path, nil
}

// closeRecord ends what openRecord began.
func (s *Workshop) closeRecord(w *workspace.Workspace) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	if s.live[w.ID()]--; s.live[w.ID()] <= 0 {
		delete(s.live, w.ID())
	}
	return s.foldRecord(w)
}

// rawRecord is where a shell records, where a reboot forgets it.
func (s *Workshop) rawRecord(w *workspace.Workspace) string {
	return filepath.Join(s.Store.RunDir(), "records", w.ID())
}

// foldRecord adds what a shell has recorded to the workspace's own record. After a kill
// it is the next one's work. While a shell records it stays. s.recording is locked.
func (s *Workshop) foldRecord(w *workspace.Workspace) error {
	if s.live[w.ID()] > 0 {
		return nil
	}
	dir, err := w.Dir()
	if err != nil {
		return err
	}
	if err := fold(s.rawRecord(w), filepath.Join(dir, recordFile)); err != nil {
		return fmt.Errorf("keeping what was typed: %w", err)
	}
	return nil
}

// note adds to the workspace's record, after what was recorded before.
func (s *Workshop) note(w *workspace.Workspace, add func(*os.File) error) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	if err := s.foldRecord(w); err != nil {
		return err
	}
	return s.append(w, add)
}

// append adds to the workspace's record. s.recording is locked.
func (s *Workshop) append(w *workspace.Workspace, add func(*os.File) error) error {
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

// record reads the workspace's record, with what a running shell has recorded so far.
func (s *Workshop) record(w *workspace.Workspace) (recipe.Record, error) {
	s.recording.Lock()
	defer s.recording.Unlock()
	if err := s.foldRecord(w); err != nil {
		return recipe.Record{}, err
	}
	dir, err := w.Dir()
	if err != nil {
		return recipe.Record{}, err
	}
	var all bytes.Buffer
	if err := readInto(filepath.Join(dir, recordFile), func(r io.Reader) error { _, err := all.ReadFrom(r); return err }); err != nil {
		return recipe.Record{}, err
	}
	if s.live[w.ID()] > 0 {
		err := readInto(s.rawRecord(w), func(r io.Reader) error { return recipe.Redact(&all, r) })
		if err != nil {
			return recipe.Record{}, err
		}
	}
	return recipe.Parse(&all)
}

// readInto reads a part of a record. One that is not there has nothing in it.
func readInto(file string, read func(io.Reader) error) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what was typed: %w", err)
	}
	defer f.Close()
	if err := read(f); err != nil {
		return fmt.Errorf("reading what was typed: %w", err)
	}
	return nil
}
