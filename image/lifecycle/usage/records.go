package usage

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
)

const (
	recordsDir   = "records"
	recordSuffix = ".jsonl"

	// mostRecordBytes is how much of one user's records is kept in a month: some thirty
	// thousand.
	mostRecordBytes = 64 << 20
)

// recordLine is a line of a file of records.
type recordLine struct {
	ID     string            `json:"id"` // name of the report, so that none is counted twice
	Record provenance.Record `json:"record"`
}

func (b Book) recordsOf(uid int) string {
	return filepath.Join(b.Dir.Path(), recordsDir, strconv.Itoa(uid))
}

// keepRecords appends records to a user's file of the month. When it returns nil they are
// on the disk. Those beyond the month's measure are left out; dropped counts them.
func (b Book) keepRecords(uid int, lines []recordLine, now time.Time) (dropped int, err error) {
	dir := b.recordsOf(uid)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("keeping records: %w", err)
	}
	path := filepath.Join(dir, now.UTC().Format("2006-01")+recordSuffix)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("keeping records: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("keeping records: %w", err)
	}
	var text []byte
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return 0, fmt.Errorf("keeping records: %w", err)
		}
	}
	if last[0] != '\n' {
		text = append(text, '\n') // we were killed in the middle of a line
	}
	for _, line := range lines {
		one, err := json.Marshal(line)
		if err != nil {
			return dropped, fmt.Errorf("keeping records: %w", err)
		}
		if size+int64(len(text)+len(one)) > mostRecordBytes {
			dropped++
			continue
		}
		text = append(append(text, one...), '\n')
	}
	if _, err := f.Write(text); err != nil {
		return dropped, fmt.Errorf("keeping records: %w", err)
	}
	return dropped, errors.Join(f.Sync(), state.SyncDir(dir))
}

// Records are what a user's jobs have run, as far as the site was told, by the month in
// which it was told. Lines that cannot be read are left out.
func (b Book) Records(uid int) iter.Seq2[provenance.Record, error] {
	return func(yield func(provenance.Record, error) bool) {
		entries, err := os.ReadDir(b.recordsOf(uid))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(provenance.Record{}, fmt.Errorf("reading records: %w", err))
			return
		}
		seen := map[string]bool{}
		for _, e := range entries { // sorted by name, which is the month
			if !strings.HasSuffix(e.Name(), recordSuffix) {
				continue
			}
			if !readRecords(filepath.Join(b.recordsOf(uid), e.Name()), seen, yield) {
				return
			}
		}
	}
}

func readRecords(path string, seen map[string]bool, yield func(provenance.Record, error) bool) (more bool) {
	f, err := os.Open(path)
	if err != nil {
		return yield(provenance.Record{}, fmt.Errorf("reading records: %w", err))
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4*store.MostReportBytes)
	for lines.Scan() {
		var line recordLine
		if json.Unmarshal(lines.Bytes(), &line) != nil || seen[line.ID] || line.Record.Version != provenance.Version {
			continue
		}
		seen[line.ID] = true
		if !yield(line.Record, nil) {
			return false
		}
	}
	if err := lines.Err(); err != nil {
		return yield(provenance.Record{}, fmt.Errorf("reading %s: %w", path, err))
	}
	return true
}

// Users are those who have left records, by uid.
func (b Book) Users() ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(b.Dir.Path(), recordsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []int
	for _, e := range entries {
		if uid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, uid)
		}
	}
	slices.Sort(all)
	return all, err
}
