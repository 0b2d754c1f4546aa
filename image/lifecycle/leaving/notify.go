package leaving

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
)

// notify writes the notice that is due: to the leaver each, to the others the first.
func (o *Office) notify(ctx context.Context, now time.Time, d *Departure) error {
	days := o.Rules.notice(d.Date, now)
	first := d.Noticed == 0
	if first {
		if err := o.tellOthers(ctx, now, d); err != nil {
			return err
		}
	}
	o.tellLeaver(now, d, days)
	d.Noticed = days
	d.tell(now, fmt.Sprintf("notice: %d days before", days))
	return nil
}

// tellLeaver writes to the leaver; a notice that could not be sent yet is replaced.
func (o *Office) tellLeaver(now time.Time, d *Departure, days int) {
	d.Letters = slices.DeleteFunc(d.Letters, func(l Letter) bool { return l.Kind == letterNotice })
	o.write(now, d, letterNotice, d.Person, fmt.Sprintf("%s/%d-days", d.Date.Format(dateLayout), days), Trouble{})
}

// tellOthers writes to the supervisor and to the members of the leaver's project.
func (o *Office) tellOthers(ctx context.Context, now time.Time, d *Departure) error {
	receiver, err := o.lookUp(ctx, d.receiver())
	if err != nil {
		return err
	}
	date := d.Date.Format(dateLayout)
	if receiver.ID != "" && receiver.ID != d.ID() {
		o.write(now, d, letterSupervisor, receiver, date+"/supervisor", Trouble{})
	}
	members, err := harbor.All(o.Registry.Members(ctx, d.Project))
	if harbor.Status(err) == http.StatusNotFound {
		return nil // no project
	}
	if err != nil {
		return fmt.Errorf("asking for the members of %s: %w", d.Project, err)
	}
	for _, m := range members {
		if m.Kind != harbor.UserMember || o.isLeaver(d, m.Name) || m.Name == o.Account || strings.EqualFold(m.Name, receiver.ID) {
			continue
		}
		colleague, err := o.lookUp(ctx, m.Name)
		if err != nil {
			return err
		}
		o.write(now, d, letterColleague, colleague, date+"/colleague/"+m.Name, Trouble{})
	}
	return nil
}

// receiver is the ID of who is to have the images.
func (d *Departure) receiver() string {
	if d.Choice.Receiver != "" {
		return d.Choice.Receiver
	}
	return d.Person.Supervisor
}

// isLeaver compares names as Harbor does.
func (o *Office) isLeaver(d *Departure, name string) bool { return strings.EqualFold(name, d.ID()) }
