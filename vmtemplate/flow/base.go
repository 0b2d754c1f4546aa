package flow

import (
	"context"
	"errors"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// beginning is what the questions about a new image find out.
type beginning struct {
	source     string // "bases", "own", "other"
	repository string
	base       string // reference
	name       string
	images     map[string][]Image // by source, as fetched
}

// newImage asks for a base and a name, makes the workspace, and goes inside.
func (s *Session) newImage(ctx context.Context) error {
	b := &beginning{images: map[string][]Image{}}
	err := sequence(ctx,
		func(ctx context.Context) error { return s.chooseBase(ctx, b) },
		func(ctx context.Context) error { return s.chooseTag(ctx, b) },
		func(ctx context.Context) error { return s.nameWorkspace(ctx, b) },
		func(ctx context.Context) error { return s.create(ctx, b) },
	)
	if err != nil {
		return err
	}
	return s.inside(ctx, b.name)
}

// chooseBase is one list with three parts: the shared projects' images, then the ways
// to others.
func (s *Session) chooseBase(ctx context.Context, b *beginning) error {
	b.source = "bases"
	if s.offline {
		b.source = "other"
	}
	for {
		if b.source == "other" {
			err := s.typeBase(ctx, b)
			if !errors.Is(err, ErrBack) || s.offline {
				return err
			}
			b.source = "bases"
		}
		images, err := s.images(ctx, b)
		if err != nil {
			return err
		}
		key, err := s.Face.Choose(ctx, s.baseChoice(b.source, images))
		switch {
		case errors.Is(err, ErrBack) && b.source == "own":
			b.source = "bases"
		case err != nil:
			return err
		case key == "/own":
			b.source = "own"
		case key == "/other":
			b.source = "other"
		default:
			b.repository, b.base = key, ""
			return nil
		}
	}
}

// images asks the registry, once in a conversation.
func (s *Session) images(ctx context.Context, b *beginning) ([]Image, error) {
	if known, ok := b.images[b.source]; ok {
		return known, nil
	}
	var found []Image
	err := s.Face.Work(ctx, message.Of("flow.base.fetching"), func(ctx context.Context, _ func(Progress)) (err error) {
		if b.source == "own" {
			found, err = s.Registry.Own(ctx)
		} else {
			found, err = s.Registry.Bases(ctx)
		}
		return err
	})
	if err != nil && !isRegistrys(err) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrForbidden) {
		return nil, err
	}
	if err != nil {
		s.Face.Tell(Notice{ID: "no-catalogue", Kind: Warning, Title: message.Of("flow.base.none"), Body: []message.Text{message.Of("flow.reason", err)}})
	}
	b.images[b.source] = found
	return found, nil
}

// baseChoice is the list. Keys of ways to other images begin with a slash, which no
// repository does.
func (s *Session) baseChoice(source string, images []Image) Choice {
	c := Choice{
		Asked:   Asked{ID: "base", Title: message.Of("flow.base"), Label: message.Of("flow.base.label"), Help: message.Of("flow.base.help"), Flag: "jbuild new --base IMAGE"},
		Columns: []Column{{Title: message.Of("flow.column.name")}, {Title: message.Of("flow.column.description"), Spare: true}, {Title: message.Of("flow.column.size"), Right: true}, {Title: message.Of("flow.column.date")}},
		Search:  true,
	}
	for _, i := range images {
		c.Rows = append(c.Rows, Row{
			Key:   i.Repository,
			Cells: []message.Text{message.Plain(s.short(i.Repository)), message.Plain(firstLine(i.Description)), size(i.Bytes), date(i.Updated)},
			Note:  message.Plain(firstLine(i.Description)),
			Badge: scanned(i.Scan),
		})
	}
	if len(c.Rows) > 0 {
		c.Default = c.Rows[0].Key
	}
	if source == "bases" {
		c.Rows = append(c.Rows, Row{Key: "/own", Cells: []message.Text{message.Of("flow.base.own")}, Note: message.Of("flow.base.own.note"), Stays: true})
	}
	c.Rows = append(c.Rows, Row{Key: "/other", Cells: []message.Text{message.Of("flow.base.other")}, Note: message.Of("flow.base.other.note"), Stays: true})
	return c
}

// short is a repository's name without the registry's, which is always the same.
func (s *Session) short(repository string) string {
	return strings.TrimPrefix(repository, s.Registry.Host()+"/")
}

func (s *Session) typeBase(ctx context.Context, b *beginning) error {
	typed, err := s.Face.Ask(ctx, Question{
		Asked:   Asked{ID: "base-name", Title: message.Of("flow.base.name"), Label: message.Of("flow.base.label"), Help: message.Of("flow.base.name.help", s.Registry.Host()), Flag: "jbuild new --base IMAGE"},
		Default: b.base,
		Check: func(_ context.Context, typed string) Verdict {
			if typed == "" {
				return Verdict{Bad: needed(typed)}
			}
			if !referenceForm().MatchString(typed) {
				return Verdict{Bad: message.Of("flow.base.form")}
			}
			return Verdict{}
		},
	})
	b.base = strings.TrimSpace(typed)
	return err
}

// chooseTag asks which version of a repository; a name that was typed has its own.
func (s *Session) chooseTag(ctx context.Context, b *beginning) error {
	if b.source == "other" {
		return errNothingAsked
	}
	tags, err := s.tags(ctx, b.repository)
	if err != nil {
		s.Face.Tell(Notice{ID: "no-tags", Kind: Warning, Title: message.Of("flow.base-tag.none", s.short(b.repository)), Body: []message.Text{message.Of("flow.reason", err)}})
		return backUnlessOver(err)
	}
	if len(tags) == 0 {
		s.Face.Tell(Notice{ID: "no-tags", Kind: Warning, Title: message.Of("flow.base-tag.none", s.short(b.repository))})
		return ErrBack
	}
	if len(tags) == 1 {
		b.base = b.repository + ":" + tags[0].Name
		return errNothingAsked
	}
	c := Choice{
		Asked:   Asked{ID: "base-tag", Title: message.Of("flow.base-tag", s.short(b.repository)), Label: message.Of("flow.base-tag.label"), Help: message.Of("flow.base-tag.help"), Flag: "jbuild new --base IMAGE:TAG"},
		Columns: []Column{{Title: message.Of("flow.column.tag")}, {Title: message.Of("flow.column.size"), Right: true}, {Title: message.Of("flow.column.date")}},
		Search:  len(tags) > 9,
		Default: tags[0].Name,
	}
	for _, t := range tags {
		c.Rows = append(c.Rows, Row{Key: t.Name, Cells: []message.Text{message.Plain(t.Name), size(t.Bytes), date(t.Pushed)}, Badge: scanned(t.Scan)})
	}
	tag, err := s.Face.Choose(ctx, c)
	b.base = b.repository + ":" + tag
	return err
}

func (s *Session) tags(ctx context.Context, repository string) (tags []Tag, err error) {
	err = s.Face.Work(ctx, message.Of("flow.base-tag.fetching"), func(ctx context.Context, _ func(Progress)) error {
		tags, err = s.Registry.Tags(ctx, repository)
		return err
	})
	return tags, err
}

// backUnlessOver is ErrBack for errors that have been told; what ends the session
// stays what it is.
func backUnlessOver(err error) error {
	if errors.Is(err, ErrInterrupted) || errors.Is(err, ErrFaceGone) || errors.Is(err, context.Canceled) {
		return err
	}
	return ErrBack
}

func (s *Session) nameWorkspace(ctx context.Context, b *beginning) error {
	all, err := s.list(ctx)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, w := range all {
		taken[w.Name] = true
	}
	if b.name == "" || taken[b.name] {
		b.name = proposeWorkspaceName(b.base, taken)
	}
	b.name, err = s.Face.Ask(ctx, Question{
		Asked:   Asked{ID: "workspace", Title: message.Of("flow.workspace"), Label: message.Of("flow.workspace.label"), Help: message.Of("flow.workspace.help"), Flag: "jbuild new --name NAME"},
		Default: b.name,
		Check: func(_ context.Context, typed string) Verdict {
			return Verdict{Bad: checkWorkspaceName(typed, taken)}
		},
	})
	return err
}

// create makes the workspace. When that fails the name can be changed, and the base.
func (s *Session) create(ctx context.Context, b *beginning) error {
	meter := &meter{now: s.Now}
	err := s.Face.Work(ctx, message.Of("flow.creating", s.short(b.base)), func(ctx context.Context, report func(Progress)) error {
		return s.Workspaces.New(ctx, b.name, b.base, func(t Transfer) { report(meter.progress(t)) })
	})
	if err == nil {
		s.working = b.name
		return nil
	}
	if over := s.tellFailure(ctx, err); over != nil {
		return over
	}
	return ErrBack
}
