package provenance

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/store"
)

// Book is the records of one user.
type Book struct {
	Store *store.Store
	Warn  func(error) // about records that cannot be read; may be nil

	// Written is told of a record that Write has written, by the one process that has;
	// may be nil.
	Written func(Record)
}

// Job is what one job has run.
type Job struct {
	Job  string   `json:"job"`
	Runs []Record `json:"runs"` // by time; there is at least one
}

// Last is the latest run.
func (j Job) Last() Record { return j.Runs[len(j.Runs)-1] }

// Write keeps r unless a process of the job has done so. Complete is called only
// then, to fill in what takes time to find out and is not part of the key.
func (b Book) Write(r Record, complete func(*Record)) error {
	won, err := b.Store.RecordOnce(r.Started, r.Job, r.Key(), func() ([]byte, error) {
		complete(&r)
		return r.Encode()
	})
	if won && b.Written != nil {
		b.Written(r)
	}
	return err
}

// Latest returns at most limit jobs, the newest first: those of which at least
// one run is wanted. It opens no more records than it takes.
func (b Book) Latest(limit int, wanted func(Record) bool) ([]Job, error) {
	months, err := b.Store.RecordMonths()
	if err != nil {
		return nil, err
	}
	jobs := []Job{}
	seen := map[string]bool{} // jobs of a later month, of which these are the beginning
	for i, month := range months {
		dirs, err := b.Store.RecordDirs(month, "")
		if err != nil {
			return nil, err
		}
		later := seen
		if i > 0 && !follows(months[i-1], month) {
			later = nil
		}
		seen = map[string]bool{}
		var found []Job
		for _, dir := range dirs {
			seen[dir.Name] = true
			if later[dir.Name] || len(jobs)+len(found) >= limit {
				continue
			}
			job, ok := b.read(months[i:], dir.Name)
			if ok && slices.ContainsFunc(job.Runs, wanted) {
				found = append(found, job)
			}
		}
		slices.SortStableFunc(found, func(a, b Job) int { return b.Last().Started.Compare(a.Last().Started) })
		if jobs = append(jobs, found...); len(jobs) >= limit {
			break
		}
	}
	return jobs, nil
}

// read puts a job together that has records in the first of months, and maybe in
// those before it without a gap: it ran at the turn of a month.
func (b Book) read(months []string, name string) (Job, bool) {
	byName := map[string]Record{} // of the file, which is the key
	for i, month := range months {
		if i > 0 && !follows(months[i-1], month) {
			break
		}
		files, err := b.Store.Records(month, name)
		if err != nil {
			b.warn(err)
		}
		if len(files) == 0 {
			break
		}
		for _, f := range files {
			r, err := Record{}, f.Err
			if err == nil {
				r, err = Parse(f.Content)
			}
			if err != nil {
				b.warn(fault.Because("%s is left out: %w", f.Path, err))
				continue
			}
			key := filepath.Base(f.Path)
			if other, ok := byName[key]; !ok || r.Started.Before(other.Started) {
				byName[key] = r
			}
		}
	}
	var job Job
	for _, key := range slices.Sorted(maps.Keys(byName)) {
		job.Job = byName[key].Job
		job.Runs = append(job.Runs, byName[key])
	}
	slices.SortStableFunc(job.Runs, func(a, b Record) int { return a.Started.Compare(b.Started) })
	return job, len(job.Runs) > 0
}

func (b Book) warn(err error) {
	if b.Warn != nil {
		b.Warn(err)
	}
}

// follows reports whether later is the month after earlier.
func follows(later, earlier string) bool {
	const layout = "2006-01"
	t, err := time.Parse(layout, earlier)
	return err == nil && t.AddDate(0, 1, 0).Format(layout) == later
}

// ErrUnknownJob is wrapped by errors about a job that has left no record.
var ErrUnknownJob = errors.New("none of yours is called so, or begins so, in the store")

// ErrAmbiguous is wrapped by errors about a beginning that several jobs have.
var ErrAmbiguous = errors.New("more than one job begins like that")

// Find returns the job that name is the id of, or else the beginning of: that of
// the part before the first dot (123 is 123.pbs), and else of any other. Batch
// systems begin to count again one day; of equal ids the latest is meant.
func (b Book) Find(name string) (Job, error) {
	months, err := b.Store.RecordMonths()
	if err != nil {
		return Job{}, err
	}
	if name == "" {
		return Job{}, b.notFound(name)
	}
	found := map[string]Job{} // by id
	for i, month := range months {
		dirs, err := b.Store.RecordDirs(month, name)
		if err != nil {
			return Job{}, err
		}
		for _, dir := range dirs {
			job, ok := b.read(months[i:], dir.Name)
			if !ok || !strings.HasPrefix(job.Job, name) {
				continue
			}
			if job.Job == name {
				return job, nil
			}
			if _, later := found[job.Job]; !later {
				found[job.Job] = job
			}
		}
	}
	for _, begins := range []string{name + ".", name} {
		var ids []string
		for id := range found {
			if strings.HasPrefix(id, begins) {
				ids = append(ids, id)
			}
		}
		if len(ids) == 1 {
			return found[ids[0]], nil
		}
		if len(ids) > 1 {
			slices.Sort(ids)
			return Job{}, fault.Newf(fault.Because("%w: %s", ErrAmbiguous, strings.Join(ids[:min(len(ids), 8)], ", ")),
				"give more of it\njrun history lists your jobs", "cannot tell which job %q is", name)
		}
	}
	return Job{}, b.notFound(name)
}

func (b Book) notFound(name string) error {
	return fault.Newf(fault.Because("%w: %s", ErrUnknownJob, b.Store.Root()),
		"jrun history lists your jobs\nif it used another store: jrun --store DIR history", "there is no record of a job %q", name)
}
