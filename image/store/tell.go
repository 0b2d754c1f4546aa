package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The service account cannot look into users' realms. So whatever a job wants it to
// know (package provenance has the words) is left in the site's part of the store:
//
//	STORE/site/reports/             1733: users leave reports and cannot see others'
//	  <random>.report               0644, in a directory that nobody else can list
//
// The directory is there only where somebody reads it: jadm makes it (OpenReports), and
// without it nothing is left. A report is written under another name and renamed, so that it is whole when it can
// be seen. The service account takes and removes it (told.go).
const (
	siteReports  = "reports"
	reportSuffix = ".report"
	unfinished   = ".new-"
)

// MostReportBytes is the size of the largest report that is left and taken.
const MostReportBytes = 256 << 10

// ErrNobodyToTell is wrapped by errors about a store without a site's part, or whose
// site's part has no place for reports or cannot be trusted.
var ErrNobodyToTell = errors.New("nobody takes reports")

func (t *site) reports() string { return filepath.Join(t.dir, siteReports) }

// Tell leaves a report for the service account. It does not wait for the disk. The
// error wraps ErrNobodyToTell where that is nothing to mention.
func (s *Store) Tell(report []byte) error {
	if s.site == nil {
		return fmt.Errorf("leaving a report: %w", ErrNobodyToTell)
	}
	if len(report) > MostReportBytes {
		return fmt.Errorf("leaving a report: it has %d bytes, more than %d", len(report), MostReportBytes)
	}
	dir := s.site.reports()
	if err := s.site.takesReports(); err != nil {
		return fmt.Errorf("leaving a report: %w: %w", ErrNobodyToTell, err)
	}
	random := rand.Text()
	f, err := createNew(filepath.Join(dir, unfinished+random), 0o600)
	if err != nil {
		return fmt.Errorf("leaving a report: %w", err)
	}
	_, err = f.Write(report)
	if err == nil {
		err = f.Chmod(0o644) // for the service account, whatever the umask
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, random+reportSuffix))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("leaving a report: %w", err)
	}
	return nil
}

// TellOnce leaves a report unless one about the same was left less than a day ago.
func (s *Store) TellOnce(about string, report []byte) error {
	const kind = "told"
	var told bool
	if age, err := s.Note(kind, about, &told); err == nil && age >= 0 && age < foreignGrace {
		return nil
	}
	if err := s.Tell(report); err != nil {
		return err
	}
	return s.SetNote(kind, about, true)
}

// takesReports makes sure that only the service account can list and take what is
// left.
func (t *site) takesReports() error {
	for _, dir := range []string{t.dir, t.reports()} {
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		closed := info.Mode().Perm()&0o022 == 0
		if dir == t.reports() {
			closed = info.Mode()&os.ModeSticky != 0 && info.Mode().Perm()&0o044 == 0
		}
		if !info.IsDir() || ownerOf(info) != t.owner || !closed {
			return fmt.Errorf("%s: %w", dir, ErrUntrusted)
		}
	}
	return nil
}

// makeReports makes the place for reports.
func (t *site) makeReports() error {
	if err := os.Mkdir(t.reports(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(t.reports())
	if err != nil {
		return err
	}
	if !info.IsDir() || ownerOf(info) != t.owner {
		return fmt.Errorf("%s: %w", t.reports(), ErrUntrusted)
	}
	return os.Chmod(t.reports(), 0o733|os.ModeSticky) // also if we were killed before
}
