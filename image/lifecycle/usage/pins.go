package usage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/opencontainers/go-digest"
)

const pinKind = "pins" // of documents, by project

// Administrator is the UID of pins that were set by jadm, and not by a user.
const Administrator = -1

// Pin says that an image is cited: its last tag stays, and so does its object.
type Pin struct {
	Project    string        `json:"project"`
	Repository string        `json:"repository"`
	Reference  string        `json:"reference"`          // as it was called then
	Digest     digest.Digest `json:"digest"`             // of the manifest that ran, or what was named
	Resolved   digest.Digest `json:"resolved,omitempty"` // what the name stood for, if it was an index
	Reason     string        `json:"reason"`
	UID        int           `json:"uid"` // who, as a file's owner; Administrator for jadm
	By         string        `json:"by"`  // who, as they call themselves
	Time       time.Time     `json:"time"`
	// Removed is when it was taken back. It is remembered for a while, so that a report
	// that was late does not bring it back.
	Removed time.Time `json:"removed,omitzero"`
}

// Is reports whether the pin is about d.
func (p Pin) Is(d digest.Digest) bool { return p.Digest == d || p.Resolved == d }

// rememberRemoved is how long a pin that was taken back is remembered.
const rememberRemoved = 90 * 24 * time.Hour

type pins struct {
	Pins []Pin `json:"pins"`
}

// Pins are all, by project and time. A document that cannot be read is an error: without
// it nothing may be removed.
func (b Book) Pins() ([]Pin, error) {
	projects, err := b.Dir.Names(pinKind)
	if err != nil {
		return nil, err
	}
	var all []Pin
	for _, project := range projects {
		of, err := b.PinsOf(project)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// PinsOf are those of a project, by time.
func (b Book) PinsOf(project string) ([]Pin, error) {
	doc, err := b.loadPins(project)
	return slices.DeleteFunc(doc.Pins, func(p Pin) bool { return !p.Removed.IsZero() }), err
}

func (b Book) loadPins(project string) (pins, error) {
	var doc pins
	err := b.Dir.Load(pinKind, project, &doc)
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	return doc, err
}

// ErrTooManyPins is wrapped by errors about a user who has as many pins as they may.
var ErrTooManyPins = errors.New("too many pins")

// AddPin sets a pin, which replaces an older one of the same user for the same digest.
// One that was taken back later than p.Time stays so. The error wraps ErrTooManyPins.
func (b Book) AddPin(p Pin, now time.Time) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return b.addPin(p, now)
}

// addPin is AddPin under the lock.
func (b Book) addPin(p Pin, now time.Time) error {
	doc, err := b.loadPins(p.Project)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(doc.Pins, func(old Pin) bool {
		return old.UID == p.UID && old.Repository == p.Repository && old.Digest == p.Digest
	})
	if i >= 0 && (!doc.Pins[i].Time.Before(p.Time) || !doc.Pins[i].Removed.Before(p.Time) && !doc.Pins[i].Removed.IsZero()) {
		return nil // it is there, or something later is known
	}
	if i < 0 && p.UID != Administrator {
		if n, err := b.countPins(p.UID); err != nil || n >= b.PinsPerUser {
			if err == nil {
				err = fmt.Errorf("uid %d has %d: %w", p.UID, n, ErrTooManyPins)
			}
			return err
		}
	}
	p.Removed = time.Time{}
	if i >= 0 {
		doc.Pins = slices.Delete(doc.Pins, i, i+1)
	}
	doc.Pins = append(doc.Pins, p)
	return b.savePins(p.act("pin.add"), p.Project, doc, now)
}

// RemovePin takes a user's pin of a digest back; that of anybody with all. It reports
// how many there were.
func (b Book) RemovePin(p Pin, all bool, now time.Time) (int, error) {
	unlock, err := b.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	return b.removePin(p, all, now)
}

func (b Book) removePin(p Pin, all bool, now time.Time) (int, error) {
	doc, err := b.loadPins(p.Project)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, old := range doc.Pins {
		same := old.Is(p.Digest) && old.Repository == p.Repository && (all || old.UID == p.UID)
		if same && old.Removed.IsZero() && !old.Time.After(p.Time) {
			doc.Pins[i].Removed = p.Time
			n++
		}
	}
	known := slices.ContainsFunc(doc.Pins, func(old Pin) bool {
		return old.UID == p.UID && old.Digest == p.Digest && old.Repository == p.Repository
	})
	if !known && !all {
		p.Removed = p.Time // the pin may come later than this
		doc.Pins = append(doc.Pins, p)
	}
	if n == 0 && (known || all) {
		return 0, nil
	}
	return n, b.savePins(p.act("pin.remove"), p.Project, doc, now)
}

func (p Pin) act(action string) audit.Act {
	who := "jadm"
	if p.UID != Administrator {
		who = "uid " + strconv.Itoa(p.UID)
	}
	return audit.Act{Action: action, Subject: p.Reference, Reason: p.Reason, Details: map[string]string{"digest": p.Digest.String(), "asked by": who}}
}

func (b Book) savePins(act audit.Act, project string, doc pins, now time.Time) error {
	doc.Pins = slices.DeleteFunc(doc.Pins, func(p Pin) bool { return !p.Removed.IsZero() && now.Sub(p.Removed) > rememberRemoved })
	slices.SortStableFunc(doc.Pins, func(a, b Pin) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Digest, b.Digest)) })
	return b.Acts.Do(act, func() error { return b.Dir.Save(pinKind, project, doc) })
}

func (b Book) countPins(uid int) (int, error) {
	all, err := b.Pins()
	n := 0
	for _, p := range all {
		if p.UID == uid {
			n++
		}
	}
	return n, err
}
