package leaving

import (
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/opencontainers/go-digest"
)

// Stage is how far a departure has come: the last step that is complete.
type Stage string

// Stages, in their order. Each is entered once, but for Frozen: what turns up before
// the removal is bundled, verified and handed over as well.
const (
	Scheduled  Stage = "scheduled"   // notices go out
	Frozen     Stage = "frozen"      // nothing can be pushed
	Bundled    Stage = "bundled"     // all images are in bundles
	Verified   Stage = "verified"    // which have been read back
	HandedOver Stage = "handed over" // and are where they stay; the undelete period passes
	Removing   Stage = "removing"    // some of it may be gone from Harbor
	Removed    Stage = "removed"     // all of it is
	Certified  Stage = "certified"   // and it can be had back for the undelete period
	Closing    Stage = "closing"     // it cannot any more
	Done       Stage = "done"

	Returning Stage = "returning" // jadm user return was typed
	Cancelled Stage = "cancelled" // before anything was done
	Returned  Stage = "returned"  // all is as it was
)

// Over reports whether nothing more will happen, but for letters.
func (s Stage) Over() bool { return s == Done || s == Cancelled || s == Returned }

// atRest reports whether the project is frozen, and there.
func (s Stage) atRest() bool {
	return s == Frozen || s == Bundled || s == Verified || s == HandedOver
}

// Departure is all that jadm remembers of somebody who leaves: a document of the kind
// "leavers", named by the person's ID.
type Departure struct {
	Person    people.Person `json:"person"`  // as the directory had it when this was ordered: it may forget
	Project   string        `json:"project"` // the person's own
	Date      time.Time     `json:"date"`    // from when nothing can be pushed: the beginning of a day
	Ordered   time.Time     `json:"ordered"`
	OrderedBy string        `json:"ordered_by"`
	Reason    string        `json:"reason,omitempty"`
	Choice    Choice        `json:"choice"`

	Stage    Stage     `json:"stage"`
	Since    time.Time `json:"since"` // when the stage was entered
	Revision int       `json:"revision"`
	// Noticed is the number of days of the last notice for Date; 0 for none yet.
	Noticed int `json:"noticed,omitempty"`

	Labs     []Lab     `json:"labs,omitempty"`
	Before   *Before   `json:"before,omitempty"`   // how it was before it was frozen
	FrozenAt time.Time `json:"frozen_at,omitzero"` // for good
	Bundles  []Bundle  `json:"bundles,omitempty"`  // the first, and others for what turned up later
	Packed   int       `json:"packed,omitempty"`   // bundles that were ever begun
	Where    *Where    `json:"where,omitempty"`    // who has the images
	Vanished []Image   `json:"vanished,omitempty"` // somebody removed these from Harbor before they were bundled
	RemoveAt time.Time `json:"remove_at,omitzero"` // when the removal began
	Removed  time.Time `json:"removed,omitzero"`   // when it had ended
	// Tags are those to be when everything is given back, as repository:tag.
	Tags     map[string]digest.Digest `json:"tags,omitempty"`
	Restored time.Time                `json:"restored,omitzero"`   // when everything had been given back
	KeptSite []string                 `json:"kept_site,omitempty"` // digests that stay in the site's part of the store, because they are cited

	Waiting  string    `json:"waiting,omitempty"` // for what, if for more than a day to come
	Troubles []Trouble `json:"troubles,omitempty"`
	Letters  []Letter  `json:"letters,omitempty"` // to be sent
	History  []Event   `json:"history"`
}

// Choice is what was ordered about this departure in particular.
type Choice struct {
	Receiver string            `json:"receiver,omitempty"`  // ID, instead of the supervisor
	HandOver string            `json:"hand_over,omitempty"` // ToSupervisor, ToArchive or ToBoth, instead of the site's rule
	Admins   map[string]string `json:"admins,omitempty"`    // by shared project: who becomes its admin
}

// Lab is a project of others in which the leaver is the only admin.
type Lab struct {
	Project  string `json:"project"`
	Proposed string `json:"proposed,omitempty"` // ID of who might be its admin; empty if nobody is known
}

// Before is how rights were.
type Before struct {
	Exists      bool            `json:"exists"` // the person's project
	ProjectID   int64           `json:"project_id,omitempty"`
	Metadata    harbor.Metadata `json:"metadata,omitzero"`
	QuotaBytes  int64           `json:"quota_bytes,omitempty"` // -1 for none
	Members     []Membership    `json:"members,omitempty"`     // of the person's project
	Robots      []harbor.Robot  `json:"robots,omitempty"`      // of the person's project
	Memberships []Membership    `json:"memberships,omitempty"` // of the person, elsewhere
	// Immutable are the rules of immutable tags that were switched off for the removal.
	Immutable []harbor.ImmutableRule `json:"immutable,omitempty"`
}

// Membership is a role of somebody in a project.
type Membership struct {
	Project string      `json:"project"`
	Name    string      `json:"name"`
	Kind    string      `json:"kind"`             // harbor.UserMember or GroupMember
	Entity  int64       `json:"entity,omitempty"` // id of the group
	Role    harbor.Role `json:"role"`
}

// Image is an artifact of the project.
type Image struct {
	Repository string          `json:"repository"` // within the project
	Digest     digest.Digest   `json:"digest"`
	Tags       []string        `json:"tags"` // sorted
	SizeBytes  int64           `json:"size_bytes"`
	MediaType  string          `json:"media_type,omitempty"`
	Pushed     time.Time       `json:"pushed,omitzero"`
	Children   []digest.Digest `json:"children,omitempty"` // that an index holds
}

// key is what makes an image another one.
func (i Image) key() string { return i.Repository + "@" + i.Digest.String() }

func (i Image) same(other Image) bool {
	return i.key() == other.key() && slices.Equal(i.Tags, other.Tags)
}

// Bundle is a directory with images.
type Bundle struct {
	Dir      string    `json:"dir"`
	Images   []Image   `json:"images"`
	Made     time.Time `json:"made,omitzero"`
	Verified time.Time `json:"verified,omitzero"` // when it was last read back
	Checksum string    `json:"checksum,omitempty"`
	Archived time.Time `json:"archived,omitzero"` // when it came to stay
	Purged   time.Time `json:"purged,omitzero"`   // when it was removed: others have the images
}

// Where says who has the images.
type Where struct {
	Receiver   people.Person `json:"receiver,omitzero"`
	Project    string        `json:"project,omitempty"` // of Harbor; the images are in repositories called from-LEAVER/…
	Archive    bool          `json:"archive"`           // the bundles stay
	Why        string        `json:"why"`
	HandedOver time.Time     `json:"handed_over,omitzero"`
}

// Event is something that has happened.
type Event struct {
	Time time.Time `json:"time"`
	What string    `json:"what"`
}

// Trouble is a step that does not succeed.
type Trouble struct {
	Step  string    `json:"step"`
	Since time.Time `json:"since"`
	Last  time.Time `json:"last"`
	Times int       `json:"times"`
	Why   string    `json:"why"`
	Next  string    `json:"next"` // what to type
	Told  bool      `json:"told,omitempty"`
}

// ProjectOf is the name of a person's own project: Harbor has them in lower case.
func ProjectOf(id string) string { return strings.ToLower(id) }

// ID is the person's.
func (d *Departure) ID() string { return d.Person.ID }

// Key is of this departure alone: a person may come back and leave again.
func (d *Departure) Key() string {
	return d.Person.ID + "/" + d.Ordered.UTC().Format("20060102T150405.000Z")
}

// tell adds to the history.
func (d *Departure) tell(now time.Time, what string) {
	d.History = append(d.History, Event{now, what})
}

// enter begins a stage. The trouble that the steps before it had is over.
func (d *Departure) enter(s Stage, now time.Time, what string) {
	d.Troubles = slices.DeleteFunc(d.Troubles, func(t Trouble) bool { return t.Step != string(letters) })
	d.Stage, d.Since, d.Waiting = s, now, ""
	d.tell(now, what)
}

// Images are all that have been bundled, each as it was last. A tag is of the image that
// had it last.
func (d *Departure) Images() []Image {
	seen, taken := map[string]bool{}, map[string]bool{}
	var all []Image
	for _, b := range slices.Backward(d.Bundles) {
		if b.Made.IsZero() {
			continue
		}
		for _, i := range slices.Backward(b.Images) {
			if seen[i.key()] {
				continue
			}
			seen[i.key()] = true
			i.Tags = slices.DeleteFunc(slices.Clone(i.Tags), func(tag string) bool { return taken[i.Repository+":"+tag] })
			for _, tag := range i.Tags {
				taken[i.Repository+":"+tag] = true
			}
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b Image) int { return strings.Compare(a.key(), b.key()) })
	return all
}

// uncovered are those of found that no bundle has with these tags.
func (d *Departure) uncovered(found []Image) []Image {
	have := map[string]Image{}
	for _, i := range d.Images() {
		have[i.key()] = i
	}
	return slices.DeleteFunc(slices.Clone(found), func(i Image) bool {
		h, ok := have[i.key()]
		return ok && h.same(i)
	})
}
