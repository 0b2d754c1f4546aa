package mirror

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
)

// Reason is why an image is not converted.
type Reason string

// Reasons for not converting.
const (
	Forbidden  Reason = "forbidden" // by a rule of its project: vulnerable, not scanned, not signed
	NoPlatform Reason = "platform"  // it is for none of this site's
	Broken     Reason = "broken"    // damaged, hostile, or of an unknown kind
)

// Failure is an image that could not be converted, and when it is tried again.
type Failure struct {
	Target   Target        `json:"target"`
	Digest   digest.Digest `json:"digest"`
	Platform string        `json:"platform"`
	Tags     []string      `json:"tags,omitempty"` // some of them, for people
	Reason   Reason        `json:"reason"`
	Error    string        `json:"error"` // for a terminal, on one line
	Attempts int           `json:"attempts"`
	Last     time.Time     `json:"last"`
	Next     time.Time     `json:"next"` // not before
}

const (
	mostFailures  = 1000
	firstPause    = time.Minute
	longestPause  = 24 * time.Hour
	mostErrorText = 600 // bytes
	mostTagsShown = 3
)

// failures remembers, also on disk, what could not be converted.
type failures struct {
	mu    sync.Mutex
	dir   state.Dir
	known map[failureKey]Failure
}

type failureKey struct {
	target   Target
	digest   digest.Digest
	platform string
}

func keyOf(c Conversion) failureKey {
	return failureKey{c.Target, c.Artifact.Digest, c.Platform.String()}
}

// Where the failures are kept, in the state directory.
const (
	mirrorState    = "mirror"
	failuresRecord = "failures"
)

// loadFailures reads what was remembered. What is damaged is forgotten: it only
// spares work.
func loadFailures(dir state.Dir) (*failures, error) {
	f := &failures{dir: dir, known: map[failureKey]Failure{}}
	var all []Failure
	err := dir.Load(mirrorState, failuresRecord, &all)
	if err != nil && !errors.Is(err, state.ErrNotFound) && !errors.Is(err, state.ErrDamaged) {
		return nil, err
	}
	for _, known := range all {
		f.known[failureKey{known.Target, known.Digest, known.Platform}] = known
	}
	return f, nil
}

// waits reports whether a conversion is not to be tried yet.
func (f *failures) waits(c Conversion, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.known[keyOf(c)]
	return ok && now.Before(known.Next)
}

// add remembers that a conversion has failed. Forbidden images are tried again after
// poll, whatever came before.
func (f *failures) add(c Conversion, cause error, now time.Time, poll time.Duration) (Failure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.known[keyOf(c)]
	known.Target, known.Digest, known.Platform = c.Target, c.Artifact.Digest, c.Platform.String()
	known.Tags = slices.Clone(c.Artifact.Tags[:min(len(c.Artifact.Tags), mostTagsShown)])
	known.Reason, known.Error = reasonOf(cause), oneLine(cause)
	known.Attempts++
	known.Last = now.UTC()
	pause := min(firstPause<<min(known.Attempts-1, 20), longestPause)
	switch known.Reason {
	case Forbidden:
		pause = poll
	case NoPlatform:
		pause = longestPause // it will be the same
	case Broken:
	}
	known.Next = known.Last.Add(pause)
	f.known[keyOf(c)] = known
	for len(f.known) > mostFailures {
		f.forgetOldest()
	}
	return known, f.save()
}

func (f *failures) forgetOldest() {
	var oldest failureKey
	var at time.Time
	for key, known := range f.known {
		if at.IsZero() || known.Last.Before(at) {
			oldest, at = key, known.Last
		}
	}
	delete(f.known, oldest)
}

// forget removes those that fit, and reports how many they were.
func (f *failures) forget(fits func(Failure) bool) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for key, known := range f.known {
		if fits(known) {
			delete(f.known, key)
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, f.save()
}

func (f *failures) save() error { return f.dir.Save(mirrorState, failuresRecord, f.all()) }

// all are sorted: those that are tried next come first.
func (f *failures) all() []Failure {
	all := make([]Failure, 0, len(f.known))
	for _, known := range f.known {
		all = append(all, known)
	}
	slices.SortFunc(all, func(a, b Failure) int {
		if c := a.Next.Compare(b.Next); c != 0 {
			return c
		}
		return strings.Compare(a.Target.String()+string(a.Digest), b.Target.String()+string(b.Digest))
	})
	return all
}

// list is all for others.
func (f *failures) list() []Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all()
}

func reasonOf(err error) Reason {
	var policy *image.PolicyError
	var platform *image.PlatformError
	switch {
	case errors.As(err, &policy):
		return Forbidden
	case errors.As(err, &platform):
		return NoPlatform
	}
	return Broken
}

// oneLine is an error for a terminal, of bounded length: images can make theirs long.
func oneLine(err error) string { return printable.CutBytes(printable.Line(err.Error()), mostErrorText) }
