package leaving

import (
	"slices"
	"time"
)

// What happens to a leaver's images.
const (
	ToSupervisor = "supervisor" // copied into the supervisor's project; into the archive when that cannot be
	ToArchive    = "archive"    // the bundle stays
	ToBoth       = "both"
)

// Rules are the site's.
type Rules struct {
	NoticeDays     []int         // before the date
	Undelete       time.Duration // between the date and the removal, and again after the removal
	BundleDir      string        // where bundles are made
	ArchiveDir     string        // where they stay
	ArchiveProject string        // of Harbor, which gets copies of what is archived; empty for none
	HandOver       string        // ToSupervisor, ToArchive or ToBoth
	AdminMail      string        // who hears of what fails; empty for nobody
	AdminLanguage  string
	TroubleDays    int // that something may fail before AdminMail hears of it
}

// handOver is what is to become of a departure's images.
func (r Rules) handOver(d *Departure) string {
	if d.Choice.HandOver != "" {
		return d.Choice.HandOver
	}
	return r.HandOver
}

// settle is how long a project is left alone at least between freezing and removing:
// a token with which somebody may push is valid for half an hour.
const settle = time.Hour

// due is when a departure's images are to be removed from Harbor. With one round more
// it is the deadline: a removal is late when it comes after that, and nothing was in its
// way (a running job, or a step that failed).
func (r Rules) due(d *Departure) time.Time {
	at := d.Date.Add(r.Undelete)
	if least := d.FrozenAt.Add(settle); !d.FrozenAt.IsZero() && least.After(at) {
		at = least
	}
	return at
}

// closes is until when somebody can have everything back.
func (r Rules) closes(d *Departure) time.Time { return d.Removed.Add(r.Undelete) }

// notice is the most urgent notice that is due: its number of days, and 0 for none.
// A departure that was ordered late has one, not all that would have come before.
func (r Rules) notice(date, now time.Time) int {
	days := slices.Clone(r.NoticeDays)
	slices.Sort(days)
	for _, n := range days {
		if !now.Before(date.AddDate(0, 0, -n)) && now.Before(date) {
			return n
		}
	}
	return 0
}

// daysUntil is how many days are left, begun ones counted.
func daysUntil(date, now time.Time) int {
	return max(0, int((date.Sub(now)+24*time.Hour-1)/(24*time.Hour)))
}

// step is something to do.
type step string

const (
	wait      step = ""
	noticing  step = "notice"
	freezing  step = "freeze"
	bundling  step = "bundle"
	verifying step = "verify"
	handing   step = "hand over"
	removing  step = "remove"
	certify   step = "certify"
	closing   step = "close"
	returning step = "return"
	letters   step = "letters" // beside the others: no letter holds them up
)

// next is what a departure needs now. It is a function of its arguments alone.
func (r Rules) next(d *Departure, now time.Time) step {
	switch d.Stage {
	case Scheduled:
		if !now.Before(d.Date) {
			return freezing
		}
		if n := r.notice(d.Date, now); n != 0 && (d.Noticed == 0 || n < d.Noticed) {
			return noticing
		}
	case Frozen:
		return bundling
	case Bundled:
		return verifying
	case Verified:
		return handing
	case HandedOver:
		if !now.Before(r.due(d)) {
			return removing
		}
	case Removing:
		return removing
	case Removed:
		return certify
	case Certified:
		if !now.Before(r.closes(d)) {
			return closing
		}
	case Closing:
		return closing
	case Returning:
		return returning
	}
	return wait
}
