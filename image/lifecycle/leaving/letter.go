package leaving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/printable"
)

// Kinds of letters: the names of their templates.
const (
	letterNotice      = "leaving"             // to the leaver: what happens when, and what to do
	letterColleague   = "leaving-colleague"   // to members of the leaver's project
	letterSupervisor  = "leaving-supervisor"  // to who gets the images
	letterHandedOver  = "leaving-handed-over" // to who has got them
	letterCertificate = "leaving-certificate" // to the leaver and the supervisor
	letterReturn      = "leaving-return"      // to the leaver: it is cancelled, or undone
	letterTrouble     = "leaving-trouble"     // to the administrator
)

// Letter is one to be sent. Its Key is unique to it.
type Letter struct {
	To    people.Person `json:"to"`
	Kind  string        `json:"kind"`
	Key   string        `json:"key"`
	Facts Facts         `json:"facts"`
}

// Facts are what templates can say. Dates are like 2027-03-31.
type Facts struct {
	ID, Name    string // the leaver's
	Host        string // of Harbor
	Project     string // the leaver's
	Date        string // from when nothing can be pushed
	Days        int    // until then; 0 when it has come
	Removal     string // from when the images are not in Harbor any more
	Undelete    string // until when everything can be had back; empty before the removal
	OrderedBy   string
	Reason      string
	Receiver    string // name of who gets the images; empty for nobody
	ReceivedAs  string // project/from-leaver
	Planned     string // project/from-leaver, where they will be; empty for the archive
	Archive     bool
	Images      int
	Restored    bool // of letterReturn: from the bundle, so that robots need new credentials
	Labs        []Lab
	Trouble     Trouble
	Certificate *Certificate
}

const dateLayout = "2006-01-02"

func (o *Office) facts(d *Departure, now time.Time) Facts {
	f := Facts{
		ID: d.Person.ID, Name: d.Person.Name, Host: o.Host, Project: d.Project, Date: d.Date.Format(dateLayout), Days: daysUntil(d.Date, now),
		Removal: o.Rules.due(d).In(d.Date.Location()).Format(dateLayout), OrderedBy: d.OrderedBy, Reason: d.Reason, Images: len(d.Images()), Labs: d.Labs,
	}
	if !d.Removed.IsZero() {
		f.Removal = d.Removed.In(d.Date.Location()).Format(dateLayout)
		f.Undelete = o.Rules.closes(d).In(d.Date.Location()).Format(dateLayout)
	}
	if o.Rules.handOver(d) != ToArchive && d.receiver() != "" {
		f.Planned = ProjectOf(d.receiver()) + "/" + prefix(d)
	}
	if d.Where != nil {
		f.Archive = d.Where.Archive
		if d.Where.Project != "" {
			f.Receiver, f.ReceivedAs = d.Where.Receiver.Name, d.Where.Project+"/"+prefix(d)
		}
	}
	return f
}

// write adds a letter to those to be sent, unless one of its key is among them. Whoever
// has no mail address gets none.
func (o *Office) write(now time.Time, d *Departure, kind string, to people.Person, key string, trouble Trouble) {
	if to.Mail == "" {
		return
	}
	l := Letter{To: to, Kind: kind, Key: "leaving/" + d.Key() + "/" + key, Facts: o.facts(d, now)}
	l.Facts.Trouble = trouble
	if !slices.ContainsFunc(d.Letters, func(other Letter) bool { return other.Key == l.Key }) {
		d.Letters = append(d.Letters, l)
	}
}

// deliver sends what is to be sent. A letter that cannot be sent keeps no other one
// back, and no step: it is tried again in each round.
func (o *Office) deliver(ctx context.Context, now time.Time, d *Departure) error {
	if len(d.Letters) == 0 {
		return nil
	}
	var failed error
	var left []Letter
	for _, l := range d.Letters {
		if l.Kind == letterNotice {
			l.Facts.Days = daysUntil(d.Date, now) // it may be late
		}
		err := o.Post.Send(ctx, l)
		if errors.Is(err, ErrUndeliverable) {
			d.tell(now, printable.Text(err.Error()))
			continue
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("sending the letter %q to %s: %w", l.Kind, l.To.ID, err))
			left = append(left, l)
		}
	}
	sent := len(left) < len(d.Letters)
	d.Letters = left
	if failed != nil {
		o.note(now, d, letters, failed)
	} else if !d.settle(letters) && !sent {
		return nil
	}
	if err := o.save(d); err != nil && !errors.Is(err, errSuperseded) { // then they are sent again, and are known by their keys
		failed = errors.Join(failed, err)
	}
	return failed
}

// administrator is who hears of trouble.
func (o *Office) administrator() people.Person {
	return people.Person{ID: "administrator", Name: o.Rules.AdminMail, Mail: o.Rules.AdminMail, Language: o.Rules.AdminLanguage, UID: -1, GID: -1}
}

// lookUp is a person of the directory, or the zero value if it knows none.
func (o *Office) lookUp(ctx context.Context, id string) (people.Person, error) {
	if id == "" {
		return people.Person{}, nil
	}
	p, err := o.Directory.Person(ctx, id)
	if errors.Is(err, people.ErrUnknown) {
		return people.Person{}, nil
	}
	if err != nil {
		return people.Person{}, fmt.Errorf("asking the directory for %q: %w", id, err)
	}
	return p, nil
}
