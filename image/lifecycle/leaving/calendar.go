package leaving

import (
	"fmt"
	"slices"
	"time"
)

// Entry is something that is to happen to a departure.
type Entry struct {
	Time time.Time `json:"time"` // the round after it does it
	What string    `json:"what"`
}

// Calendar is all that is still to come, if nothing fails, no job is in the way, and
// nobody orders anything else. It is a function of its arguments alone.
func (r Rules) Calendar(d *Departure, now time.Time) []Entry {
	var all []Entry
	add := func(at time.Time, what string) {
		if at.Before(now) {
			at = now
		}
		all = append(all, Entry{at.In(d.Date.Location()), what})
	}
	for _, l := range d.Letters {
		add(now, fmt.Sprintf("letter to %s: %s", l.To.ID, l.Kind))
	}
	if d.Stage == Returning {
		add(now, "everything is given back")
		return all
	}
	if d.Stage.Over() {
		return all
	}
	reached := func(stages ...Stage) bool { return slices.Contains(stages, d.Stage) }
	if reached(Scheduled) {
		r.notices(d, now, add)
		add(d.Date, "frozen: nothing can be pushed into "+d.Project+" any more")
	}
	start := later(d.Date, now)
	if reached(Scheduled, Frozen) {
		add(start, "the images are bundled below "+r.BundleDir)
	}
	if reached(Scheduled, Frozen, Bundled) {
		add(start, "the bundle is read back")
	}
	if reached(Scheduled, Frozen, Bundled, Verified) {
		add(start, "the images are handed over: "+r.destination(d))
	}
	removal := d.Removed
	if removal.IsZero() {
		removal = later(r.due(d), now)
		what := fmt.Sprintf("removed from Harbor: the project %s, its robots, memberships", d.Project)
		if d.Waiting != "" {
			what += "; " + d.Waiting
		}
		add(removal, what)
	}
	if reached(Scheduled, Frozen, Bundled, Verified, HandedOver, Removing, Removed) {
		add(removal, "the certificate")
	}
	add(removal.Add(r.Undelete), "the last moment to have everything back (jadm user return "+d.ID()+")"+r.bundlesEnd(d))
	slices.SortStableFunc(all, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	return all
}

// notices are those that will come: with a late order the most urgent one, and those after.
func (r Rules) notices(d *Departure, now time.Time, add func(time.Time, string)) {
	days := slices.Clone(r.NoticeDays)
	slices.Sort(days)
	slices.Reverse(days)
	due := r.notice(d.Date, now)
	for _, n := range days {
		switch at := d.Date.AddDate(0, 0, -n); {
		case at.After(now):
			add(at, fmt.Sprintf("notice, %d days before", n))
		case n == due && (d.Noticed == 0 || n < d.Noticed):
			add(now, fmt.Sprintf("notice, %d days before", n))
		}
	}
}

// destination is where images are to go, as far as it is known before.
func (r Rules) destination(d *Departure) string {
	rule := r.handOver(d)
	archive := "into the archive " + r.ArchiveDir
	receiver := d.receiver()
	if rule == ToArchive || receiver == "" {
		return archive
	}
	to := fmt.Sprintf("to %s, as %s/%s/…", receiver, ProjectOf(receiver), prefix(d))
	if rule == ToBoth {
		return to + ", and " + archive
	}
	return to + ", or, if that cannot be, " + archive
}

func (r Rules) bundlesEnd(d *Departure) string {
	if d.Where != nil && d.Where.Archive {
		return "; the bundles stay in the archive"
	}
	if d.Where == nil {
		return ""
	}
	return "; then the bundles are removed, which " + d.Where.Receiver.ID + " has the images of"
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
