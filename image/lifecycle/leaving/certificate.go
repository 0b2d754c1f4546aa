package leaving

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
)

// Certificate says what was done: a document of the kind "certificates", named by the
// departure's key. It never changes.
type Certificate struct {
	Departure  string            `json:"departure"`
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Registry   string            `json:"registry"`
	Project    string            `json:"project"`
	Date       time.Time         `json:"date"`
	Ordered    time.Time         `json:"ordered"`
	OrderedBy  string            `json:"ordered_by"`
	Reason     string            `json:"reason,omitempty"`
	Frozen     time.Time         `json:"frozen"`
	HandedOver time.Time         `json:"handed_over"`
	Removed    time.Time         `json:"removed"`
	Undelete   time.Time         `json:"undelete_until"`
	Decision   string            `json:"decision"`
	ReceivedBy string            `json:"received_by,omitempty"` // name of who has the images
	ReceivedAs string            `json:"received_as,omitempty"` // project/from-leaver
	Archived   bool              `json:"archived"`              // the bundles stay
	Images     []CertifiedImage  `json:"images"`
	Bundles    []CertifiedBundle `json:"bundles"`
	Lost       []CertifiedImage  `json:"removed_by_others,omitempty"` // from Harbor, before they were bundled
	KeptSite   []string          `json:"kept_in_store,omitempty"`     // digests, which are cited
	Members    []CertifiedEnd    `json:"memberships_ended,omitempty"`
	Acts       []string          `json:"audit_ids,omitempty"`
}

// CertifiedImage is an image and where it is now.
type CertifiedImage struct {
	Was    string   `json:"was"` // registry/project/repository
	Digest string   `json:"digest"`
	Tags   []string `json:"tags"`
	Now    []string `json:"now"` // references, and directories of bundles
}

// CertifiedBundle is a bundle.
type CertifiedBundle struct {
	Dir      string    `json:"dir"`
	Checksum string    `json:"checksum"`
	Verified time.Time `json:"verified"`
	Archived bool      `json:"archived"` // it stays; others go when the undelete period ends
}

// CertifiedEnd is a membership that has ended.
type CertifiedEnd struct {
	Project string `json:"project"`
	Role    string `json:"role"`
}

// certify writes the certificate, and sends it to the leaver and to who has the images.
func (o *Office) certify(ctx context.Context, now time.Time, d *Departure) error {
	c, err := o.Certificate(d.Key())
	if errors.Is(err, state.ErrNotFound) {
		if c, err = o.draw(ctx, d); err == nil {
			err = o.act(d, "certificate", d.Key(), func() error { return o.Documents.Save(certificate, d.Key(), c) })
		}
	}
	if err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	to := []people.Person{d.Person}
	receiver := d.Where.Receiver
	if receiver.ID == "" {
		if receiver, err = o.lookUp(ctx, d.receiver()); err != nil {
			return err
		}
	}
	if receiver.ID != "" && receiver.ID != d.ID() {
		to = append(to, receiver)
	}
	for _, p := range to {
		o.write(now, d, letterCertificate, p, "certificate/"+p.ID, Trouble{})
		for n := range d.Letters {
			if d.Letters[n].Kind == letterCertificate {
				d.Letters[n].Facts.Certificate = c
			}
		}
	}
	d.enter(Certified, now, "the certificate is written")
	return nil
}

// Certificate is that of a departure, by its key.
func (o *Office) Certificate(key string) (*Certificate, error) {
	c := &Certificate{}
	return c, o.Documents.Load(certificate, key, c)
}

// draw makes a certificate of what is known. Its dates are those of what was done, not
// of the drawing.
func (o *Office) draw(ctx context.Context, d *Departure) (*Certificate, error) {
	here := func(t time.Time) time.Time { return t.In(d.Date.Location()) } // whoever reads it reads days
	c := &Certificate{
		Departure: d.Key(), ID: d.Person.ID, Name: d.Person.Name, Registry: o.Host, Project: d.Project, Date: d.Date, Ordered: here(d.Ordered), OrderedBy: d.OrderedBy,
		Reason: d.Reason, Frozen: here(d.FrozenAt), HandedOver: here(d.Where.HandedOver), Removed: here(d.Removed), Undelete: here(o.Rules.closes(d)), Decision: d.Where.Why,
		Images: []CertifiedImage{}, Bundles: []CertifiedBundle{}, KeptSite: d.KeptSite,
	}
	if c.Archived = d.Where.Archive; d.Where.Project != "" {
		c.ReceivedBy, c.ReceivedAs = d.Where.Receiver.Name, d.Where.Project+"/"+prefix(d)
	}
	for _, i := range d.Images() {
		c.Images = append(c.Images, CertifiedImage{Was: path.Join(o.Host, d.Project, i.Repository), Digest: i.Digest.String(), Tags: i.Tags, Now: o.whereIs(d, i)})
	}
	for _, i := range d.Vanished {
		c.Lost = append(c.Lost, CertifiedImage{Was: path.Join(o.Host, d.Project, i.Repository), Digest: i.Digest.String(), Tags: i.Tags, Now: []string{}})
	}
	for _, b := range d.Bundles {
		c.Bundles = append(c.Bundles, CertifiedBundle{Dir: b.Dir, Checksum: b.Checksum, Verified: here(b.Verified), Archived: !b.Archived.IsZero()})
	}
	for _, m := range d.Before.Memberships {
		c.Members = append(c.Members, CertifiedEnd{Project: m.Project, Role: m.Role.String()})
	}
	if o.Trail != nil {
		acts, err := o.Trail.Acts(ctx, d.Key())
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		slices.Sort(acts)
		c.Acts = slices.Compact(acts)
	}
	return c, nil
}

// whereIs are all places of an image after the removal.
func (o *Office) whereIs(d *Departure, i Image) []string {
	var all []string
	if d.Where.Project != "" {
		all = append(all, path.Join(o.Host, d.Where.Project, prefix(d), i.Repository)+"@"+i.Digest.String())
	}
	if d.Where.Archive && o.Rules.ArchiveProject != "" {
		all = append(all, path.Join(o.Host, o.Rules.ArchiveProject, d.Project, i.Repository)+"@"+i.Digest.String())
	}
	return append(all, d.bundleOf(i))
}

// close ends the undelete period: bundles whose images somebody else has are removed.
// Those of the archive stay, and so does what was cited meanwhile.
func (o *Office) close(ctx context.Context, now time.Time, d *Departure) error {
	if d.Stage != Closing {
		d.enter(Closing, now, "the undelete period is over")
		if err := o.save(d); err != nil { // from now on jadm user return is refused
			return err
		}
	}
	cited, err := o.cited(ctx, d)
	if err != nil {
		return err
	}
	if cited != "" && !d.Where.Archive {
		d.Where.Archive = true
		d.tell(now, cited+" is cited: the bundles go into the archive")
	}
	if d.Where.Archive {
		if err := o.archive(ctx, now, d); err != nil {
			return err
		}
	}
	for n := range d.Bundles {
		b := &d.Bundles[n]
		if !b.Archived.IsZero() || !b.Purged.IsZero() {
			continue
		}
		if err := o.act(d, "bundle.delete", b.Dir, func() error { return o.Shelf.Remove(ctx, b.Dir) }); err != nil {
			return fmt.Errorf("removing the bundle %s: %w", b.Dir, err)
		}
		b.Purged = now
	}
	d.enter(Done, now, "done")
	return nil
}
