package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Options of a Mirror.
type Options struct {
	Harbor   *harbor.Client // as an administrator
	Registry string         // Harbor's name in references: its host, with a port if it has one
	Store    string         // the store's root, whose site's part belongs to this account

	Login           image.Login // that pulls
	CertificatesDir string      // *.crt of who has signed Harbor's; empty for those of the system

	Directory Directory // nil: only public projects are for others
	State     state.Dir
	Audit     audit.Recorder
	Log       *slog.Logger

	Choice       Choice           // which repositories are converted
	Platforms    []store.Platform // of the compute servers; those of this machine if empty
	MaxBytes     int64            // of an image in the registry; 0 for any
	MinFreeBytes int64            // with less room, nothing is converted
	Jobs         int              // conversions at once; 1 if 0
	PollEvery    time.Duration    // between two rounds; 0 for none but the first
	UndeleteFor  time.Duration    // how long what was removed can be had back
	Version      string           // recorded as what has converted

	// Cited says which digests of a place must stay besides those that are pinned in
	// the store; nil for none. (Package usage knows.)
	Cited func(context.Context, store.Place) (map[digest.Digest]bool, error)

	// Observe is told how each conversion ended; nil for nobody.
	Observe func(Outcome)

	Now func() time.Time // time.Now if nil

	step       func(string) // between steps, for tests
	mostMarks  int          // for tests
	firstPause time.Duration
}

// Directory is what is asked of the people's directory.
type Directory interface {
	Person(ctx context.Context, id string) (people.Person, error)
	Group(ctx context.Context, dn string) (people.Group, error)
}

// Mirror keeps the store the same as the registry while Run runs. Its other methods
// may be called at any time.
type Mirror struct {
	o        Options
	clients  map[store.Platform]*image.Client
	marks    *marks
	backlog  *backlog
	failures *failures
	troubles *troubles
	nudge    chan struct{} // ends a pause

	// Of the goroutine that looks alone:
	cache  heldCache
	shared map[string]time.Time // projects, and when their rights were last compared
	dns    map[int64]string     // of Harbor's groups
	left   map[string]bool      // what was said about people who were left out

	// For whoever waits until there is nothing to do:
	looking atomic.Bool
	working atomic.Int64 // workers that are busy
	turns   atomic.Int64 // grows with whatever is done

	mu     sync.Mutex
	rounds Rounds
}

// Defaults of what Options leaves out.
const (
	firstWait   = time.Second
	longestWait = time.Minute
	// refusedWait is longer: each wrong password locks the account for a moment.
	refusedWait = 5 * time.Minute
)

// New makes a Mirror. It reads what is remembered of failures, and asks nobody yet. The
// error is a fault when the store has no part that belongs to this account.
func New(o Options) (*Mirror, error) {
	if _, err := store.SiteProjects(o.Store); err != nil {
		return nil, err
	}
	if o.Jobs == 0 {
		o.Jobs = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.step == nil {
		o.step = func(string) {}
	}
	if o.mostMarks == 0 {
		o.mostMarks = mostMarks
	}
	if o.firstPause == 0 {
		o.firstPause = firstWait
	}
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Platforms) == 0 {
		o.Platforms = []store.Platform{thisMachine()}
	}
	known, err := loadFailures(o.State)
	if err != nil {
		return nil, fault.Newf(err, "give it to the service account: chown -R jadm "+o.State.Path(), "cannot use the state directory %s", o.State.Path())
	}
	m := &Mirror{
		o: o, clients: map[store.Platform]*image.Client{}, failures: known, troubles: newTroubles(),
		marks: newMarks(o.mostMarks), backlog: newBacklog(o.mostMarks, o.Jobs),
		nudge: make(chan struct{}, 1), shared: map[string]time.Time{}, dns: map[int64]string{}, left: map[string]bool{},
	}
	for _, p := range o.Platforms {
		m.clients[p] = m.newClient(p)
	}
	return m, nil
}

// Run works until ctx ends; conversions that are under way are given up then, and leave
// nothing behind.
func (m *Mirror) Run(ctx context.Context) error {
	m.marks.addAll()
	var all sync.WaitGroup
	all.Go(func() { m.keepLooking(ctx) })
	for range m.o.Jobs {
		all.Go(func() { m.keepConverting(ctx) })
	}
	all.Go(func() { m.poll(ctx) })
	all.Wait()
	return nil
}

// poll marks everything from time to time.
func (m *Mirror) poll(ctx context.Context) {
	if m.o.PollEvery <= 0 {
		return
	}
	ticks := time.NewTicker(m.o.PollEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			m.marks.addAll()
		}
	}
}

// Mark says that something may have changed in a repository or a project. What no
// Harbor can have is ignored: false is returned.
func (m *Mirror) Mark(t Target) bool {
	if !t.sound() {
		return false
	}
	m.marks.add(t, told, m.o.Now())
	return true
}

// MarkAll says that anything may have changed.
func (m *Mirror) MarkAll() { m.marks.addAll() }

// Retry lets the images of t that could not be converted be tried again now, and ends
// a pause; all images when t is nil. It returns how many had failed.
func (m *Mirror) Retry(t *Target) (int, error) {
	n, err := m.failures.forget(func(f Failure) bool {
		return t == nil || f.Target == *t || t.Repository == "" && f.Target.Project == t.Project
	})
	if t == nil {
		m.marks.addAll()
	} else {
		m.Mark(*t)
	}
	select {
	case m.nudge <- struct{}{}:
	default:
	}
	return n, err
}

// place is a project's part of the store.
func (m *Mirror) place(project string) store.Place {
	return store.Place{Registry: m.o.Registry, Project: project}
}

// base is a repository's name with the registry's.
func (m *Mirror) base(t Target) string { return m.o.Registry + "/" + t.String() }

// pause waits after the nth failure in a row, from 1, which was err; it returns early
// when somebody wants it, or ctx ends.
func (m *Mirror) pause(ctx context.Context, n int, err error) {
	longest := longestWait
	if harbor.Status(err) == http.StatusUnauthorized {
		longest = refusedWait
	}
	most := min(m.o.firstPause<<min(n-1, 20), longest)
	timer := time.NewTimer(most/2 + jitter(most/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.nudge:
	case <-ctx.Done():
	}
}

// Collect removes for good what was removed from the registry's projects long enough
// ago, and what interrupted conversions have left, also on other hosts.
func (m *Mirror) Collect(ctx context.Context) error {
	places, err := store.SiteProjects(m.o.Store)
	var stores []*store.Store
	for _, p := range places {
		if p.Registry != m.o.Registry {
			continue
		}
		s, openErr := store.OpenSite(m.o.Store, p)
		if openErr != nil {
			err = errors.Join(err, openErr)
			continue
		}
		stores = append(stores, s)
	}
	report, collectErr := store.Collect(ctx, stores, store.Policy{UndeleteFor: m.o.UndeleteFor})
	for _, d := range report.Purged {
		m.o.Log.Info("removed for good", "digest", d.Digest, "bytes", d.SizeBytes)
	}
	if err = errors.Join(err, collectErr); err != nil {
		return fmt.Errorf("collecting what was removed from the store: %w", err)
	}
	return nil
}
