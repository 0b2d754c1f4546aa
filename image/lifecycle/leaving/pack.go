package leaving

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
)

// mostBundles bounds how often a round begins again because something was pushed.
const mostBundles = 5

// bundle makes a bundle of all that is in none yet.
func (o *Office) bundle(ctx context.Context, now time.Time, d *Departure) error {
	for range mostBundles {
		found, err := o.inventory(ctx, d.Project)
		if err != nil {
			return err
		}
		b, err := o.begin(ctx, now, d, d.uncovered(found))
		if err != nil {
			return err
		}
		if b == nil {
			d.enter(Bundled, now, fmt.Sprintf("%d images are in bundles", len(d.Images())))
			return nil
		}
		if err := o.save(d); err != nil {
			return err
		}
		err = o.act(d, "bundle.make", b.Dir, func() error {
			return o.Bundler.Make(ctx, b.Dir, Contents{Person: d.Person, Project: d.Project, Images: b.Images})
		})
		if err != nil {
			return fault.Newf(err, "make room if the disk is full: df "+filepath.Dir(b.Dir)+"\nthen go on: jadm leavers run "+d.ID(), "cannot make the bundle %s", b.Dir)
		}
		b.Made = now
		if err := o.save(d); err != nil {
			return err
		}
	}
	return fault.Newf(errors.New("something was pushed while each bundle was made"), "see who: the project's log in Harbor", "the project %s does not come to rest", d.Project)
}

// begin is the bundle that is not made yet, for these images: a new one, or one that
// was begun. Nil when there is nothing to bundle.
func (o *Office) begin(ctx context.Context, now time.Time, d *Departure, images []Image) (*Bundle, error) {
	last := len(d.Bundles) - 1
	if last >= 0 && d.Bundles[last].Made.IsZero() {
		b := &d.Bundles[last]
		if slices.EqualFunc(b.Images, images, Image.same) {
			return b, nil
		}
		// What it was begun for has changed.
		if err := o.Shelf.Remove(ctx, b.Dir); err != nil {
			return nil, fmt.Errorf("removing the bundle %s, which was begun: %w", b.Dir, err)
		}
		d.vanish(now, b.Images, images)
		if len(images) > 0 {
			b.Images = images
			return b, nil
		}
		d.Bundles = d.Bundles[:last]
	}
	if len(images) == 0 {
		return nil, nil
	}
	d.Packed++
	d.Bundles = append(d.Bundles, Bundle{Dir: o.bundleDir(d), Images: images})
	return &d.Bundles[len(d.Bundles)-1], nil
}

// vanish remembers images that were seen, and are gone before they were bundled.
func (d *Departure) vanish(now time.Time, were, are []Image) {
	there, bundled := digests(are), digests(d.Images())
	for _, i := range were {
		if !there[i.Digest] && !bundled[i.Digest] {
			d.Vanished = append(d.Vanished, i)
			d.tell(now, "somebody removed "+i.key()+" before it was bundled")
		}
	}
}

// bundleDir is the place of the next bundle: named by who leaves and when.
func (o *Office) bundleDir(d *Departure) string {
	name := fileName(d.ID()) + "-" + d.Ordered.UTC().Format("20060102T150405")
	if d.Packed > 1 {
		name += "-" + strconv.Itoa(d.Packed)
	}
	return filepath.Join(o.Rules.BundleDir, name)
}

// fileName keeps an ID from being another path, and two IDs from being one: what is no
// letter, digit or - is written as _ and its bytes, in hexadecimal digits.
func fileName(id string) string {
	var b strings.Builder
	for _, c := range []byte(id) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// verify reads bundles back that have not been read yet.
func (o *Office) verify(ctx context.Context, now time.Time, d *Departure) error {
	for i := range d.Bundles {
		if b := &d.Bundles[i]; b.Verified.IsZero() {
			if err := o.readBack(ctx, now, d, b); err != nil {
				return err
			}
		}
	}
	d.enter(Verified, now, "the bundles have been read back")
	return nil
}

// readBack makes sure that a bundle has what it should have. One that is damaged is made
// again, as long as the images are in Harbor.
func (o *Office) readBack(ctx context.Context, now time.Time, d *Departure, b *Bundle) error {
	proof, err := o.Bundler.Verify(ctx, b.Dir)
	if err == nil {
		if missing := lacking(b.Images, proof.Digests); missing != "" {
			err = fmt.Errorf("%w: %s is not in it", ErrDamaged, missing)
		}
	}
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		return o.remake(ctx, now, d, b, err)
	}
	if err != nil {
		return fault.Newf(err, "see what is wrong: jadm bundle verify "+b.Dir, "cannot read the bundle %s back", b.Dir)
	}
	b.Verified, b.Checksum = now, proof.Checksum
	return nil
}

// remake forgets a damaged bundle, so that its images are bundled again. It is put
// aside, and not removed. If an image in it is not in Harbor any more, somebody must
// look at it: nothing else has that image.
func (o *Office) remake(ctx context.Context, now time.Time, d *Departure, b *Bundle, why error) error {
	found, err := o.inventory(ctx, d.Project)
	if err != nil {
		return err
	}
	there := []digest.Digest{}
	for d := range digests(found) {
		there = append(there, d)
	}
	if missing := lacking(b.Images, there); missing != "" {
		return fault.Newf(fmt.Errorf("%w; and %s is not in Harbor any more", why, missing),
			"bring it back from a backup of "+b.Dir+"\nsee what is wrong: jadm bundle verify "+b.Dir, "the bundle %s is damaged", b.Dir)
	}
	err = o.Shelf.Move(ctx, b.Dir, b.Dir+".damaged-"+now.UTC().Format("20060102T150405"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("putting the damaged bundle %s aside: %w", b.Dir, err)
	}
	d.Bundles = slices.DeleteFunc(d.Bundles, func(other Bundle) bool { return other.Dir == b.Dir })
	d.enter(Frozen, now, "a bundle is damaged, and is made again: "+printable.Text(why.Error()))
	return errAgain
}

// errAgain says that the departure is at an earlier stage, from which it goes on.
var errAgain = errors.New("it goes on from an earlier step")

// lacking is a digest of images that is not among those found; empty for none.
func lacking(images []Image, found []digest.Digest) digest.Digest {
	have := map[digest.Digest]bool{}
	for _, d := range found {
		have[d] = true
	}
	for _, i := range images {
		if !have[i.Digest] {
			return i.Digest
		}
	}
	return ""
}
