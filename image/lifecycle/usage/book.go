package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// Rights says whose reports count.
type Rights interface {
	// May reports whether a user may have the images of a project. An error says that
	// this cannot be told now: the report waits.
	May(ctx context.Context, uid int, project string) (bool, error)
}

// Everybody has the right to everything; for tests.
type Everybody struct{}

// May is true.
func (Everybody) May(context.Context, int, string) (bool, error) { return true, nil }

// Book is what is known. Several processes may use it at once.
type Book struct {
	Dir         state.Dir
	Registry    string         // in references: harbor.example.ac.jp
	Names       []string       // other names of the same registry
	Rights      Rights         // whose reports count
	Acts        audit.Recorder // pins are written down
	PinsPerUser int            // how many one user may have
}

// lock is held while documents change.
func (b Book) lock() (unlock func(), err error) { return b.Dir.Lock("usage") }

// knows reports whether a name is the registry's.
func (b Book) knows(registry string) bool {
	return registry == b.Registry || slices.Contains(b.Names, registry)
}

// clockSlack is by how much the clocks of hosts may differ.
const clockSlack = 2 * time.Minute

const usedKind = "used" // of documents, by project

// Use is what is known about one digest in one repository.
type Use struct {
	Last time.Time `json:"last"` // when a job last ran it
	// Named is when what a job asked for last stood for this digest itself, and not for
	// an index that it is in. Harbor's rules are about what has tags.
	Named   time.Time     `json:"named,omitzero"`
	Index   digest.Digest `json:"index,omitempty"`   // that it was last chosen from
	Touched time.Time     `json:"touched,omitzero"`  // when KeepAlive last told Harbor
	By      []User        `json:"by,omitempty"`      // the latest users, each once
	Blocked string        `json:"blocked,omitempty"` // why Harbor could not be told, in its words
}

// User is one who has used an image.
type User struct {
	UID  int       `json:"uid"`
	Last time.Time `json:"last"`
}

// mostUsers is how many users of a digest are known by name.
const mostUsers = 20

// uses is the document of one project: by repository, and in it by digest.
type uses struct {
	Repositories map[string]map[digest.Digest]Use `json:"repositories"`
}

// load reads the uses of a project; without any they are empty.
func (b Book) load(project string) (uses, error) {
	u := uses{}
	err := b.Dir.Load(usedKind, project, &u)
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	if u.Repositories == nil {
		u.Repositories = map[string]map[digest.Digest]Use{}
	}
	return u, err
}

// note adds one use. It changes nothing when it was known already.
func (u *uses) note(repository string, d digest.Digest, at time.Time, by int, change func(*Use)) {
	digests := u.Repositories[repository]
	if digests == nil {
		digests = map[digest.Digest]Use{}
		u.Repositories[repository] = digests
	}
	use := digests[d]
	use.Last = later(use.Last, at)
	if by >= 0 {
		use.by(by, at)
	}
	change(&use)
	digests[d] = use
}

func (u *Use) by(uid int, at time.Time) {
	for _, known := range u.By {
		if known.UID == uid {
			at = later(at, known.Last)
		}
	}
	u.By = slices.DeleteFunc(slices.Clone(u.By), func(known User) bool { return known.UID == uid })
	u.By = append(u.By, User{uid, at})
	slices.SortStableFunc(u.By, func(a, b User) int { return b.Last.Compare(a.Last) })
	u.By = u.By[:min(len(u.By), mostUsers)]
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// mostDigests is how many digests of one project are known; of more, those that were
// used longest ago are forgotten. (What a project really has is less: forged reports of
// its members may name more.)
const mostDigests = 20_000

// forget bounds a document.
func (u *uses) forget() {
	type entry struct {
		repository string
		digest     digest.Digest
		last       time.Time
	}
	var all []entry
	for name, digests := range u.Repositories {
		for d, use := range digests {
			all = append(all, entry{name, d, use.Last})
		}
	}
	if len(all) <= mostDigests {
		return
	}
	slices.SortFunc(all, func(a, b entry) int { return b.last.Compare(a.last) })
	for _, e := range all[mostDigests:] {
		delete(u.Repositories[e.repository], e.digest)
		if len(u.Repositories[e.repository]) == 0 {
			delete(u.Repositories, e.repository)
		}
	}
}

// LastUsed is when a job last ran a digest of a project, or an image that was chosen from
// it; zero if that is not known.
func (b Book) LastUsed(place store.Place, d digest.Digest) (time.Time, error) {
	if !b.knows(place.Registry) {
		return time.Time{}, nil
	}
	u, err := b.load(place.Project)
	var last time.Time
	for _, digests := range u.Repositories {
		last = later(last, digests[d].Last)
	}
	return last, err
}

// Uses are those of a project: by repository, and in it by digest.
func (b Book) Uses(project string) (map[string]map[digest.Digest]Use, error) {
	u, err := b.load(project)
	return u.Repositories, err
}

// Projects are those of which uses are known.
func (b Book) Projects() ([]string, error) { return b.Dir.Names(usedKind) }

// update changes the document of a project, if change says that it did.
func (b Book) update(project string, change func(*uses) bool) error {
	u, err := b.load(project)
	if errors.Is(err, state.ErrDamaged) {
		u, err = uses{Repositories: map[string]map[digest.Digest]Use{}}, nil // uses can be learnt again
	}
	if err != nil {
		return err
	}
	if !change(&u) {
		return nil
	}
	u.forget()
	if err := b.Dir.Save(usedKind, project, u); err != nil {
		return fmt.Errorf("writing down the uses of %s: %w", project, err)
	}
	return nil
}
