package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Records say what was run; package provenance has their content. They are files
// of their own, so that any number of processes on any number of hosts can write
// them without waiting for each other:
//
//	records/<YYYY-MM>/<job>/<key>.json
//
// One key stands for one thing that was run in a job; whoever writes it first has
// written it for all. Months are UTC's. Nothing removes records.

// ErrTooMany is wrapped when a job has as many records as it may have.
var ErrTooMany = errors.New("the job has too many different runs")

// RecordLimit is how many records of one job are kept in a month. Processes that
// write at the same moment may exceed it by one each.
const RecordLimit = 100

// monthLayout is the format of a month, for package time.
const monthLayout = "2006-01"

// RecordDir is where the records of one job of one month are.
type RecordDir struct {
	Month   string // YYYY-MM
	Name    string // the job's, as a file name
	Changed time.Time
}

// RecordFile is one record as it is on disk.
type RecordFile struct {
	Path    string
	Content []byte
	Err     error // instead of Content
}

// RecordOnce keeps what content returns as the record of key in a job, unless
// there is one: then it does nothing but look. It does not wait for the disk.
// The error wraps ErrTooMany when the job has RecordLimit records.
func (s *Store) RecordOnce(at time.Time, job, key string, content func() ([]byte, error)) (won bool, err error) {
	dir := filepath.Join(s.own.records(), at.UTC().Format(monthLayout), fileNameOf(job))
	path := filepath.Join(dir, key+metaSuffix)
	if _, err := os.Lstat(path); err == nil {
		return false, nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.makeRecordDir(dir)
	}
	if err != nil {
		return false, fmt.Errorf("recording a run: %w", err)
	}
	if len(entries) >= RecordLimit {
		return false, fmt.Errorf("recording a run of %s: %w", job, ErrTooMany)
	}
	b, err := content()
	if err != nil {
		return false, err
	}
	won, err = s.publishOnceFrom(s.own.records(), path, b, passing)
	if err != nil {
		return false, fmt.Errorf("recording a run: %w", err)
	}
	return won, nil
}

// makeRecordDir makes the directory of a job, and what is above it if need be.
func (s *Store) makeRecordDir(dir string) error {
	month := filepath.Dir(dir)
	err := os.Mkdir(month, s.own.mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeRealm(); err != nil {
			return err
		}
		err = os.Mkdir(month, s.own.mode)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = os.Mkdir(dir, s.own.mode)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return err
}

// RecordMonths lists the months that have records, the newest first.
func (s *Store) RecordMonths() ([]string, error) {
	entries, err := os.ReadDir(s.own.records())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing records: %w", err)
	}
	var months []string
	for _, e := range entries {
		if _, err := time.Parse(monthLayout, e.Name()); err == nil && e.IsDir() {
			months = append(months, e.Name())
		}
	}
	slices.Sort(months)
	slices.Reverse(months)
	return months, nil
}

// RecordDirs lists the jobs of a month whose names may begin with begun, the most
// recently written first. It opens none of their records.
func (s *Store) RecordDirs(month, begun string) ([]RecordDir, error) {
	entries, err := os.ReadDir(filepath.Join(s.own.records(), month))
	if err != nil {
		return nil, fmt.Errorf("listing records: %w", err)
	}
	head := fileLetters(begun)
	head = head[:min(len(head), hashedNameHead)]
	hashed := strings.TrimLeft(head, ".") // as in fileNameOf
	var dirs []RecordDir
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), head) && !strings.HasPrefix(e.Name(), hashed) || isTemporary(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil && info.IsDir() {
			dirs = append(dirs, RecordDir{Month: month, Name: e.Name(), Changed: info.ModTime()})
		}
	}
	slices.SortStableFunc(dirs, func(a, b RecordDir) int { return b.Changed.Compare(a.Changed) })
	return dirs, nil
}

// Records reads the records of one job of one month. One that cannot be read has
// its error; a job that has none in that month is no error.
func (s *Store) Records(month, name string) ([]RecordFile, error) {
	dir := filepath.Join(s.own.records(), month, name)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing records: %w", err)
	}
	var files []RecordFile
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), metaSuffix) || isTemporary(e.Name()) {
			continue
		}
		f := RecordFile{Path: filepath.Join(dir, e.Name())}
		f.Content, f.Err = readSmall(f.Path)
		files = append(files, f)
	}
	return files, nil
}
