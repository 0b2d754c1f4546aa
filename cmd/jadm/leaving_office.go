package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/image/lifecycle/leaving"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/opencontainers/go-digest"
)

// clock is the present of what is decided by dates; tests let years pass.
var clock = time.Now

// office does what people who leave need.
func (p *program) office() (*leaving.Office, error) {
	d, err := p.desk()
	if err != nil {
		return nil, err
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	registry, err := p.registry()
	if err != nil {
		return nil, err
	}
	directory, err := p.directory()
	if err != nil {
		return nil, err
	}
	post, err := p.post()
	if err != nil {
		return nil, err
	}
	host := d.Harbor.Host()
	book := usage.Book{Dir: d.state, Registry: host, Acts: d.audit}
	o := &leaving.Office{
		Rules: p.leavingRules(), Host: host, Account: d.Harbor.User, Registry: client, Shelf: leaving.Disk{}, Post: letterBox{post}, Directory: directory,
		Uses: citations{book}, Credentials: nodeRobots{client}, Trail: trail{auditFile(d.Settings)}, Audit: d.audit, Documents: d.state,
		Bundler: bundler{client, registry, book},
	}
	if d.Store.Path != "" {
		o.Realm = leaving.Site{Root: d.Store.Path, Registry: host}
	}
	return o, nil
}

// leavingRules are those of jadm.toml, which has been read.
func (p *program) leavingRules() leaving.Rules {
	s := p.loaded
	r := leaving.Rules{
		NoticeDays: s.Leaving.NoticesDays, Undelete: time.Duration(s.Leaving.Undelete), BundleDir: s.Leaving.BundleDir, ArchiveDir: s.Leaving.ArchiveDir,
		ArchiveProject: s.Leaving.ArchiveProject, HandOver: s.Leaving.HandOver, AdminMail: s.Leaving.AdminMail, AdminLanguage: s.Language, TroubleDays: s.Leaving.TroubleDays,
	}
	if r.BundleDir == "" {
		r.BundleDir = filepath.Join(s.State, "bundles")
	}
	if r.ArchiveDir == "" {
		r.ArchiveDir = filepath.Join(s.State, "archive")
	}
	return r
}

// letterBox is a notice.Post for package leaving.
type letterBox struct{ post *notice.Post }

func (b letterBox) Send(ctx context.Context, l leaving.Letter) error {
	_, err := b.post.Send(ctx, notice.Letter{To: l.To, Kind: l.Kind, Key: l.Key, Data: l.Facts})
	if errors.Is(err, notice.ErrNoAddress) || errors.Is(err, notice.ErrRefused) {
		return fmt.Errorf("%w: %w", leaving.ErrUndeliverable, err)
	}
	return err
}

// citations are the pins of a usage.Book.
type citations struct{ book usage.Book }

func (c citations) Cited(context.Context) (map[digest.Digest]string, error) {
	pins, err := c.book.Pins()
	cited := map[digest.Digest]string{}
	for _, p := range pins {
		cited[p.Digest] = p.Reason
		if p.Resolved != "" {
			cited[p.Resolved] = p.Reason
		}
	}
	return cited, err
}

// trail is the audit log, for certificates.
type trail struct{ file string }

func (t trail) Acts(_ context.Context, departure string) ([]string, error) {
	var ids []string
	for e, err := range audit.Entries(t.file) {
		if err != nil {
			return nil, err
		}
		if e.Details["departure"] == departure && e.Outcome == audit.Done {
			ids = append(ids, e.ID)
		}
	}
	return ids, nil
}

// nodeRobots are the logins of the compute servers that jadm user add has made.
type nodeRobots struct{ client *harbor.Client }

func (n nodeRobots) with(ctx context.Context, id string, do func(context.Context, int64) error) error {
	r, err := n.client.SystemRobot(ctx, onboarding.RobotName(leaving.ProjectOf(id)))
	if err == nil {
		err = do(ctx, r.ID)
	}
	if harbor.Status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

func (n nodeRobots) Disable(ctx context.Context, id string) error {
	return n.with(ctx, id, n.client.DisableRobot)
}

func (n nodeRobots) Enable(ctx context.Context, id string) error {
	return n.with(ctx, id, n.client.EnableRobot)
}

func (n nodeRobots) Remove(ctx context.Context, id string) error {
	return n.with(ctx, id, n.client.DeleteRobot)
}

// bundler is package bundle for package leaving.
type bundler struct {
	client   *harbor.Client
	registry *bundle.Registry
	book     usage.Book
}

func (b bundler) Make(ctx context.Context, dir string, c leaving.Contents) error {
	r := bundle.Request{
		Owner: bundle.Owner{ID: c.Person.ID, Name: c.Person.Name, Mail: c.Person.Mail}, Source: b.client, Registry: b.registry,
		Reason: c.Person.ID + " leaves", Recipe: recipeFiles, Program: "jadm " + version(), Now: clock(),
	}
	seen := map[string]bool{}
	for _, i := range c.Images {
		repository := c.Project + "/" + i.Repository
		if !seen[repository] {
			seen[repository] = true
			r.Repositories = append(r.Repositories, repository)
		}
		if len(i.Tags) == 0 { // package bundle leaves out what nothing names
			r.Pins = append(r.Pins, bundle.Pin{Repository: repository, Digest: i.Digest, Reason: "it was in the project, without a tag"})
		}
	}
	if c.Person.UID >= 0 {
		for record, err := range b.book.Records(c.Person.UID) {
			if err != nil {
				return err
			}
			r.Records = append(r.Records, record)
		}
	}
	_, err := bundle.Make(ctx, dir, r)
	return err
}

func (b bundler) Verify(ctx context.Context, dir string) (leaving.Proof, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return leaving.Proof{}, err
	}
	s, err := bundle.Verify(ctx, dir)
	if err != nil {
		var damage *bundle.DamageError
		if errors.As(err, &damage) {
			err = fmt.Errorf("%w: %w", leaving.ErrDamaged, err)
		}
		return leaving.Proof{}, err
	}
	loaded, err := bundle.Load(dir)
	proof := leaving.Proof{Checksum: s.Digest.String()}
	for _, i := range loaded.Images {
		proof.Digests = append(proof.Digests, i.Digest)
	}
	return proof, err
}

func (b bundler) Restore(ctx context.Context, dir, project string, images []leaving.Image) error {
	r := bundle.RestoreRequest{Registry: b.registry, Project: project, Overwrite: true}
	loaded, err := bundle.Load(dir)
	if err != nil {
		return err
	}
	for _, want := range images {
		for _, has := range loaded.Images {
			if has.Digest == want.Digest && has.Repository == project+"/"+want.Repository && len(has.Names) > 0 {
				r.Images = append(r.Images, has.Names[0])
			}
		}
	}
	if len(r.Images) == 0 {
		return fmt.Errorf("%s has none of the %d images", dir, len(images))
	}
	_, err = bundle.Restore(ctx, dir, r)
	return err
}
