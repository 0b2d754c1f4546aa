package guide

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/vmtemplate/bases"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/registry"
	"github.com/jrun-hpc/jrun/vmtemplate/web/bench"
)

var _ bench.Images = (*Shelf)(nil)

// Shelf are the user's images in the registry, for a page. All is asked with the user's
// own login.
type Shelf struct{ Engine *Engine }

// own is the user's project, and the registry as the user reaches it.
type own struct {
	project, user string
	registry      *registry.Registry
	api           *harbor.Client // nil: the registry is no Harbor
}

func (s *Shelf) own(ctx context.Context) (own, error) {
	access, err := s.Engine.Shop.Access()
	if err != nil {
		return own{}, err
	}
	if access.User == "" {
		return own{}, flow.ErrNoLogin
	}
	o := own{project: s.Engine.Shop.Config.ProjectOf(access.User), user: access.User, registry: s.Engine.Shop.Registry(access)}
	if api, ok := o.registry.Harbor(ctx); ok {
		o.api = api
	}
	return o, nil
}

// Images implements bench.Images.
func (s *Shelf) Images(ctx context.Context) (bench.Shelf, error) {
	o, err := s.own(ctx)
	if err != nil {
		return bench.Shelf{}, err
	}
	shelf := bench.Shelf{Project: o.project, Harbor: o.api != nil, Images: []bench.Image{}}
	if o.api == nil {
		return shelf, s.plain(ctx, o, &shelf)
	}
	repositories, err := harbor.All(o.api.Repositories(ctx, o.project))
	if err != nil {
		return shelf, s.fault(ctx, o, o.project+"/x", err)
	}
	repositories = repositories[:min(len(repositories), mostImages)]
	images := make([]bench.Image, len(repositories))
	errs := make([]error, len(repositories))
	s.each(len(repositories), func(i int) { images[i], errs[i] = s.image(ctx, o, repositories[i]) })
	if i := slices.IndexFunc(errs, func(e error) bool { return e != nil }); i >= 0 {
		return shelf, s.fault(ctx, o, o.project+"/x", errs[i])
	}
	for _, i := range images {
		if len(i.Tags) > 0 {
			shelf.Images = append(shelf.Images, i)
		}
	}
	if q, err := s.Engine.Quota(ctx, o.project); err == nil {
		shelf.Quota = &q
	}
	members, err := harbor.All(o.api.Members(ctx, o.project))
	shelf.Shares = err == nil // others are told 403
	for _, m := range members {
		shelf.Members = append(shelf.Members, bench.Member{ID: m.ID, Name: m.Name, Role: roleText(m.Role), Own: o.is(m)})
	}
	return shelf, nil
}

// each runs do for the numbers below n, some at a time.
func (s *Shelf) each(n int, do func(int)) {
	var work sync.WaitGroup
	turns := make(chan struct{}, sizesAtOnce)
	for i := range n {
		turns <- struct{}{}
		work.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	work.Wait()
}

func (o own) is(m harbor.Member) bool {
	return m.Kind == harbor.UserMember && strings.EqualFold(m.Name, o.user)
}

func roleText(r harbor.Role) message.Text {
	switch r {
	case harbor.ProjectAdmin:
		return message.Of("bench.role.admin")
	case harbor.Maintainer:
		return message.Of("bench.role.maintainer")
	case harbor.Developer:
		return message.Of("bench.role.developer")
	case harbor.Guest, harbor.LimitedGuest:
		return message.Of("bench.role.guest")
	}
	return message.Plain(r.String())
}

// image is a repository with its tags, the newest first.
func (s *Shelf) image(ctx context.Context, o own, r harbor.Repository) (bench.Image, error) {
	name := strings.TrimPrefix(r.Name, o.project+"/")
	i := bench.Image{Repository: s.Engine.Host() + "/" + r.Name, Name: name, Description: r.Description}
	for a, err := range o.api.Artifacts(ctx, o.project, name) {
		if err != nil {
			return i, err
		}
		if a.Type != "IMAGE" {
			continue
		}
		for _, t := range a.Tags {
			tag := bench.Tag{Name: t.Name, Reference: i.Repository + ":" + t.Name, Bytes: a.SizeBytes, Pushed: t.Pushed, Pulled: t.Pulled, Immutable: t.Immutable}
			if scan := a.Scan(); scan != nil {
				tag.Scan = &bench.Scan{Status: scan.Status, Severity: scan.Severity, Total: scan.Counts.Total, Fixable: scan.Counts.Fixable}
			}
			i.Tags = append(i.Tags, tag)
		}
		if len(i.Tags) >= mostImages {
			break
		}
	}
	slices.SortStableFunc(i.Tags, func(a, b bench.Tag) int { return b.Pushed.Compare(a.Pushed) })
	return i, nil
}

// plain fills in what the distribution specification can tell.
func (s *Shelf) plain(ctx context.Context, o own, shelf *bench.Shelf) error {
	c := bases.New(bases.Options{Registry: o.registry, Own: o.project})
	for r, err := range c.Repositories(ctx) {
		if err != nil {
			return err
		}
		i := bench.Image{Repository: s.Engine.Host() + "/" + r.Name, Name: strings.TrimPrefix(r.Name, o.project+"/"), Description: r.Description}
		tags, err := c.Tags(ctx, r.Name)
		if err != nil {
			return err
		}
		s.each(min(len(tags), mostSizes), func(n int) {
			_ = c.Details(ctx, r.Name, &tags[n]) // without them the name alone is shown
		})
		for _, t := range tags {
			i.Tags = append(i.Tags, bench.Tag{Name: t.Name, Reference: i.Repository + ":" + t.Name, Bytes: t.Size, Pushed: t.Date})
		}
		if len(i.Tags) > 0 {
			shelf.Images = append(shelf.Images, i)
		}
		if len(shelf.Images) >= mostSizes {
			break
		}
	}
	return nil
}

// What a page may name (distribution specification, "Pulling manifests").
var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// DeleteTag implements bench.Images.
func (s *Shelf) DeleteTag(ctx context.Context, repository, tag string) error {
	o, err := s.changeable(ctx)
	if err != nil {
		return err
	}
	name, ours := strings.CutPrefix(repository, s.Engine.Host()+"/"+o.project+"/")
	if !ours || !repositoryForm.MatchString(name) || !tagForm.MatchString(tag) {
		return errors.Join(bench.ErrRequest, message.Fail(message.Of("bench.not-own", repository+":"+tag, o.project), nil))
	}
	called := o.project + "/" + name + ":" + tag
	artifact, err := o.api.Artifact(ctx, o.project, name, tag)
	if err != nil {
		return s.tagFault(ctx, o, called, err)
	}
	for _, t := range artifact.Tags {
		if t.Name == tag && t.Immutable {
			return errors.Join(flow.ErrImmutable, message.Fail(message.Of("bench.immutable", called), nil, message.Of("bench.immutable.next")))
		}
	}
	if len(artifact.Tags) > 1 {
		err = o.api.DeleteTag(ctx, o.project, name, artifact.Digest.String(), tag)
	} else {
		err = o.api.DeleteArtifact(ctx, o.project, name, artifact.Digest.String())
	}
	return s.tagFault(ctx, o, called, err)
}

func (s *Shelf) tagFault(ctx context.Context, o own, called string, err error) error {
	switch harbor.Status(err) {
	case http.StatusNotFound:
		return errors.Join(flow.ErrNotFound, message.Fail(message.Of("bench.no-tag", called), nil))
	case http.StatusForbidden:
		return errors.Join(flow.ErrForbidden, message.Fail(message.Of("bench.may-not-delete", o.user, called), nil, message.Of("bench.ask-admin", o.project)))
	case http.StatusPreconditionFailed:
		return errors.Join(flow.ErrImmutable, message.Fail(message.Of("bench.immutable", called), nil, message.Of("bench.immutable.next")))
	}
	return s.fault(ctx, o, called, err)
}

// changeable is own for what only a Harbor can do.
func (s *Shelf) changeable(ctx context.Context) (own, error) {
	o, err := s.own(ctx)
	if err == nil && o.api == nil {
		return o, errors.Join(bench.ErrUnsupported, message.Fail(message.Of("bench.unsupported", s.Engine.Host()), nil))
	}
	return o, err
}

// mostUser is how long a name at Harbor may be.
const mostUser = 255

// AddMember implements bench.Images.
func (s *Shelf) AddMember(ctx context.Context, user string, role bench.Role) error {
	o, err := s.changeable(ctx)
	if err != nil {
		return err
	}
	user = strings.TrimSpace(user)
	as, known := map[bench.Role]harbor.Role{bench.Guest: harbor.Guest, bench.Developer: harbor.Developer}[role]
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if user == "" || len(user) > mostUser || strings.ContainsFunc(user, control) || !known {
		return errors.Join(bench.ErrRequest, message.Fail(message.Of("bench.member"), nil))
	}
	_, err = o.api.AddUser(ctx, o.project, user, as)
	switch harbor.Status(err) {
	case http.StatusNotFound:
		return errors.Join(flow.ErrNotFound, message.Fail(message.Of("bench.no-user", user, s.Engine.Host()), nil, message.Of("bench.no-user.next")))
	case http.StatusConflict:
		return s.conflict(ctx, o, user)
	case http.StatusInternalServerError: // what Harbor says when it cannot ask the directory
		return errors.Join(flow.ErrUnreachable, message.Fail(message.Of("bench.directory", user), err, message.Of("registry.later"), message.Of("registry.tell")))
	}
	return s.memberFault(ctx, o, err)
}

// conflict tells two things apart for which Harbor has one answer.
func (s *Shelf) conflict(ctx context.Context, o own, user string) error {
	for m, err := range o.api.Members(ctx, o.project) {
		if err == nil && strings.EqualFold(m.Name, user) {
			return errors.Join(bench.ErrMember, message.Fail(message.Of("bench.is-member", user, o.project), nil))
		}
	}
	return errors.Join(bench.ErrMember, message.Fail(message.Of("bench.same-mail", user), nil, message.Of("registry.tell")))
}

// RemoveMember implements bench.Images.
func (s *Shelf) RemoveMember(ctx context.Context, id int64) error {
	o, err := s.changeable(ctx)
	if err != nil {
		return err
	}
	members, err := harbor.All(o.api.Members(ctx, o.project))
	if err != nil {
		return s.memberFault(ctx, o, err)
	}
	i := slices.IndexFunc(members, func(m harbor.Member) bool { return m.ID == id })
	if i < 0 {
		return errors.Join(flow.ErrNotFound, message.Fail(message.Of("bench.no-member", o.project), nil))
	}
	if o.is(members[i]) {
		return errors.Join(bench.ErrRequest, message.Fail(message.Of("bench.yourself", o.project), nil))
	}
	return s.memberFault(ctx, o, o.api.RemoveMember(ctx, o.project, id))
}

func (s *Shelf) memberFault(ctx context.Context, o own, err error) error {
	if status := harbor.Status(err); status == http.StatusForbidden {
		return errors.Join(flow.ErrForbidden, message.Fail(message.Of("bench.may-not-share", o.user, o.project), nil, message.Of("bench.ask-admin", o.project)))
	}
	return s.fault(ctx, o, o.project+"/x", err)
}

// fault says in words why Harbor refuses, and what the page decides by. called is
// PROJECT/NAME, with a tag or without.
func (s *Shelf) fault(ctx context.Context, o own, called string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	name, tag, _ := strings.Cut(called, ":")
	subject := registry.Subject{Repository: name, Reference: tag, Method: http.MethodHead}
	var refused *harbor.Error
	if !errors.As(err, &refused) {
		return errors.Join(flow.ErrUnreachable, o.registry.Explain(ctx, subject, err))
	}
	switch refused.Status {
	case http.StatusForbidden, http.StatusNotFound: // it says so of a project that does not exist, too
		return errors.Join(flow.ErrForbidden, message.Fail(message.Of("bases.hidden", o.project, s.Engine.Host()), nil, message.Of("bases.hidden.next")))
	}
	refusal := &registry.RefusalError{Method: refused.Method, Path: refused.Path, Status: refused.Status, Code: refused.Code, Message: refused.Message, RetryAfter: refused.RetryAfter}
	return errors.Join(s.Engine.kind(ctx, o.registry, subject, refusal), o.registry.Explain(ctx, subject, refusal))
}
