package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Told is a report that somebody has left.
type Told struct {
	UID     int       // whose it is: the owner of its file
	Left    time.Time // by the storage's clock; its writer can choose any
	Name    string    // unique among all reports, ever
	Content []byte

	path string
}

// Reports is what users have left for the service account.
type Reports struct {
	dir string
	now func() time.Time
}

// OpenReports returns the reports in the site's part of the store under root, for the
// service account, and makes the place for them if need be.
func OpenReports(root string) (*Reports, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the store %q: %w", root, err)
	}
	t := &site{dir: filepath.Join(abs, "site"), owner: os.Getuid()}
	if err := t.checkInit(); err != nil {
		return nil, err
	}
	if err := t.makeReports(); err != nil {
		return nil, fmt.Errorf("making a place for reports: %w", err)
	}
	return &Reports{dir: t.reports(), now: time.Now}, nil
}

// Read reads at most limit reports, in no order. What is no report (a
// link, a pipe, a file of too many bytes, one that its owner keeps from being read) is
// removed after a day; refused counts those. What is left stays for the next time.
func (r *Reports) Read(limit int) (told []Told, refused int, err error) {
	dir, err := os.Open(r.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("reading reports: %w", err)
	}
	defer dir.Close()
	for len(told) < limit {
		entries, err := dir.ReadDir(256) // the directory may be larger than memory
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return told, refused, fmt.Errorf("reading reports: %w", err)
		}
		for _, e := range entries {
			if len(told) == limit {
				break
			}
			one, err := r.read(e.Name())
			switch {
			case errors.Is(err, fs.ErrNotExist): // taken by somebody else
			case err != nil:
				refused += r.discard(e.Name())
			default:
				told = append(told, one)
			}
		}
	}
	return told, refused, nil
}

// read opens no link and no pipe, and takes no second name of somebody's file: it could
// be made by others than its owner.
func (r *Reports) read(name string) (Told, error) {
	t := Told{Name: strings.TrimSuffix(name, reportSuffix), path: filepath.Join(r.dir, name)}
	if !strings.HasSuffix(name, reportSuffix) || strings.HasPrefix(name, ".") {
		return t, errors.New("it is no report")
	}
	f, err := openPlain(t.path, os.O_RDONLY, 0)
	if err != nil {
		return t, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return t, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink != 1 {
		return t, errors.New("it has a second name")
	}
	t.UID, t.Left = int(st.Uid), info.ModTime()
	t.Content, err = io.ReadAll(io.LimitReader(f, MostReportBytes+1))
	if err == nil && len(t.Content) > MostReportBytes {
		err = errors.New("it is too long")
	}
	return t, err
}

// discard removes what is no report and has been there for a day, or will be dated
// later, and tells how many that were. Directories that are not empty are their owner's
// to remove.
func (r *Reports) discard(name string) int {
	path := filepath.Join(r.dir, name)
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	if age := r.now().Sub(info.ModTime()); age < foreignGrace && age > -clockSlack {
		return 0
	}
	if os.Remove(path) != nil {
		return 0
	}
	return 1
}

// CountReports is how many reports wait in the store under root; none where there is no
// place for them. It changes nothing.
func CountReports(root string) (int, error) {
	dir, err := os.Open(filepath.Join(root, "site", siteReports))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("counting reports: %w", err)
	}
	defer dir.Close()
	n := 0
	for {
		names, err := dir.Readdirnames(1024) // the directory may be larger than memory
		for _, name := range names {
			if strings.HasSuffix(name, reportSuffix) && !strings.HasPrefix(name, ".") {
				n++
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("counting reports: %w", err)
		}
	}
}

// reportGrace is how long reports wait for somebody to read them.
const reportGrace = 90 * 24 * time.Hour

// sweepReports removes what nobody has read for long: where jadm was given up, jobs must
// not fill the store.
func (s *Store) sweepReports() {
	dir := filepath.Join(filepath.Dir(s.dropBox), siteReports)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Lstat(path); err == nil && s.clock.now().Sub(info.ModTime()) > reportGrace {
			_ = os.Remove(path)
		}
	}
}

// Done removes reports that have been read and kept elsewhere.
func (r *Reports) Done(told []Told) error {
	var failed error
	for _, t := range told {
		if err := os.Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("removing a report: %w", err))
		}
	}
	return failed
}
