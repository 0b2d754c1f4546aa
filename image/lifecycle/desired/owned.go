package desired

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// ownedKind is the kind of jadm's documents about what it has made.
const ownedKind = "owned"

// Owned is what jadm has made in one project, or taken over. An id of 0 is of something
// that was about to be made.
type Owned struct {
	Project string `json:"project"`
	ID      int64  `json:"id"`
	Made    bool   `json:"made,omitempty"`    // by jadm
	Adopted bool   `json:"adopted,omitempty"` // it was there before
	Person  string `json:"person,omitempty"`  // whose project it is

	// Rules are those that jadm has set, with the value; two while one is being set.
	Rules     map[string][]string    `json:"rules,omitempty"`
	Members   map[string]int64       `json:"members,omitempty"`
	Robots    map[string]*OwnedRobot `json:"robots,omitempty"`
	Webhooks  map[string]int64       `json:"webhooks,omitempty"`
	Immutable map[string]int64       `json:"immutable,omitempty"` // by pattern
	Retention *int64                 `json:"retention,omitempty"` // Harbor's policy
}

// OwnedRobot is a robot of jadm's.
type OwnedRobot struct {
	ID int64 `json:"id"`
	// Kept is false until the robot's secret is in its file.
	Kept bool `json:"kept"`
}

// LoadOwned is what jadm owns, by project. The error wraps state.ErrDamaged when a
// document is not whole.
func LoadOwned(dir state.Dir) (map[string]Owned, error) {
	names, err := dir.Names(ownedKind)
	if err != nil {
		return nil, err
	}
	all := map[string]Owned{}
	for _, name := range names {
		o, err := loadOwned(dir, name)
		if err != nil {
			return nil, err
		}
		all[name] = o
	}
	return all, nil
}

func loadOwned(dir state.Dir, project string) (Owned, error) {
	o := Owned{Project: project}
	if err := dir.Load(ownedKind, project, &o); err != nil && !errors.Is(err, state.ErrNotFound) {
		return o, fmt.Errorf("reading what jadm has made in %s: %w", project, err)
	}
	return o, nil
}

// Remade writes down that jadm has made a project again whose id was another: what it owned
// in the old one, and what is there again under the same name, is its own in the new one.
// Without it the project would be somebody else's. A project that was not jadm's, or of
// which this is known, stays as it is.
func Remade(dir state.Dir, project string, was, is int64) error {
	unlock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	o, err := loadOwned(dir, project)
	if err != nil || !o.has() || o.ID != was {
		return err
	}
	o.ID, o.Retention = is, nil
	for _, ids := range []map[string]int64{o.Members, o.Webhooks, o.Immutable} {
		for name := range ids {
			ids[name] = 0 // settle finds it
		}
	}
	for name := range o.Robots {
		o.Robots[name] = &OwnedRobot{}
	}
	return dir.Save(ownedKind, project, o)
}

// has reports whether the project is jadm's.
func (o Owned) has() bool { return o.Made || o.Adopted }

// set reports whether a rule's value is one that jadm has given it.
func (o Owned) set(key, value string) bool {
	values, known := o.Rules[key]
	return slices.Contains(values, value) || !known && o.Made
}

// settle brings what jadm has written down in line with what Harbor has: what is gone
// is forgotten; what was about to be made, and is there, gets its id; what has another
// id than jadm's is somebody else's. It returns a copy.
func (o Owned) settle(p *ActualProject, account string) Owned {
	if !o.has() {
		return Owned{Project: o.Project}
	}
	switch {
	case p == nil:
		return Owned{Project: o.Project}
	case o.ID == 0 && (p.Owner == account || o.Adopted):
		o.ID = p.ID
	case o.ID != p.ID:
		return Owned{Project: o.Project}
	}
	members, webhooks, immutable := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for key, m := range p.members {
		members[string(key)] = m.ID
	}
	for _, w := range p.Webhooks {
		webhooks[w.Name] = w.ID
	}
	for _, r := range p.Immutable {
		if pattern, ok := r.Pattern(); ok {
			immutable[pattern] = r.ID
		}
	}
	o.Members, o.Webhooks, o.Immutable = settleIDs(o.Members, members), settleIDs(o.Webhooks, webhooks), settleIDs(o.Immutable, immutable)
	o.Rules = maps.Clone(o.Rules)
	robots := map[string]*OwnedRobot{}
	for name, r := range o.Robots {
		if is, ok := p.robots[name]; ok && (r.ID == 0 || r.ID == is.ID) {
			robots[name] = &OwnedRobot{ID: is.ID, Kept: r.Kept}
		}
	}
	o.Robots = robots
	if o.Retention != nil {
		id := *o.Retention
		o.Retention = nil
		if p.Retention != nil && (id == 0 || id == p.Retention.ID) {
			id = p.Retention.ID
			o.Retention = &id
		}
	}
	return o
}

// settleIDs keeps what is there with the id that it had, or was about to get.
func settleIDs(owned, actual map[string]int64) map[string]int64 {
	settled := map[string]int64{}
	for name, id := range owned {
		if is, ok := actual[name]; ok && (id == 0 || id == is) {
			settled[name] = is
		}
	}
	return settled
}
