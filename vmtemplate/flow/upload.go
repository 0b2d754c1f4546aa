package flow

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// errBackIntoShell ends an upload because the user wants to remove something first.
var errBackIntoShell = errors.New("back into the shell")

// target is what the questions before an upload find out.
type target struct {
	workspace  string
	changes    Changes
	repository string // without the registry: project/name
	tags       []Tag  // of the repository, newest first
	tag        string
	done       Uploaded
}

// reference is the whole name, as a job script has it.
func (s *Session) reference(t *target) string {
	return s.Registry.Host() + "/" + t.repository + ":" + t.tag
}

// upload asks for a name and a tag, uploads, and goes on to the job script.
func (s *Session) upload(ctx context.Context, workspace string, changes Changes) error {
	t := &target{workspace: workspace, changes: changes}
	err := sequence(ctx,
		s.needLoginStep,
		func(ctx context.Context) error { return s.askSuspects(ctx, t) },
		func(ctx context.Context) error { return s.nameImage(ctx, t) },
		func(ctx context.Context) error { return s.nameTag(ctx, t) },
		func(ctx context.Context) error { return s.confirmOverwrite(ctx, t) },
		func(ctx context.Context) error { return s.send(ctx, t) },
	)
	if errors.Is(err, errLater) {
		s.Face.Tell(Notice{ID: "later", Kind: Info, Title: message.Of("flow.later", workspace), Code: message.Plain("jbuild push " + workspace + " " + s.short(s.reference(t)))})
		return nil
	}
	if err != nil {
		return err
	}
	s.Face.Tell(Notice{
		ID: "uploaded", Kind: Success, Title: message.Of("flow.uploaded"),
		Body: []message.Text{message.Of("flow.uploaded.body", message.Bytes(t.done.Sent))},
		Code: message.Plain(s.reference(t)),
	})
	return s.jobScript(ctx, s.reference(t), t.workspace)
}

func (s *Session) needLoginStep(ctx context.Context) error {
	if s.user != "" {
		return errNothingAsked
	}
	return s.needLogin(ctx)
}

// askSuspects asks what to do with files that look like secrets. It asks again when
// the user comes back to it.
func (s *Session) askSuspects(ctx context.Context, t *target) error {
	if len(t.changes.Suspects) == 0 {
		return errNothingAsked
	}
	answer, err := s.Face.Choose(ctx, Choice{
		Asked:   Asked{ID: "suspects", Title: message.Of("flow.suspects.ask"), Label: message.Of("flow.suspects.label"), Help: message.Of("flow.suspects.help"), Flag: "jbuild push --keep-secrets"},
		Default: "leave-out",
		Rows: []Row{
			{Key: "leave-out", Cells: []message.Text{message.Of("flow.suspects.leave-out")}, Note: message.Of("flow.suspects.leave-out.note")},
			{Key: "keep", Cells: []message.Text{message.Of("flow.suspects.keep")}, Note: message.Of("flow.suspects.keep.note")},
			{Key: "shell", Cells: []message.Text{message.Of("flow.suspects.shell")}, Note: message.Of("flow.suspects.shell.note")},
		},
	})
	switch {
	case err != nil:
		return err
	case answer == "shell":
		return errBackIntoShell
	case answer == "leave-out":
		var paths []string
		for _, suspect := range t.changes.Suspects {
			paths = append(paths, suspect.Path)
		}
		return s.Workspaces.LeaveOut(ctx, t.workspace, paths)
	}
	return s.Workspaces.LeaveOut(ctx, t.workspace, nil)
}

func (s *Session) nameImage(ctx context.Context, t *target) error {
	project := s.Site.ProjectOf(strings.ToLower(s.user))
	quotas := map[string]Verdict{} // by project, as the registry has answered
	name, err := s.Face.Ask(ctx, Question{
		Asked:   Asked{ID: "image", Title: message.Of("flow.image"), Label: message.Of("flow.image.label"), Help: message.Of("flow.image.help", project), Flag: "jbuild push " + t.workspace + " PROJECT/NAME:TAG"},
		Default: cmp.Or(t.repository, project+"/"+t.workspace),
		Check: func(ctx context.Context, typed string) Verdict {
			if !repositoryForm().MatchString(typed) {
				return Verdict{Bad: message.Of("flow.image.form")}
			}
			project, _, _ := strings.Cut(typed, "/")
			if _, asked := quotas[project]; !asked {
				v := s.judgeQuota(ctx, project, t.changes.Bytes)
				if ctx.Err() != nil {
					return v
				}
				quotas[project] = v
			}
			return quotas[project]
		},
	})
	if err != nil {
		return err
	}
	if name != t.repository {
		t.tag = ""
	}
	t.repository = name
	t.tags, err = s.tags(ctx, s.Registry.Host()+"/"+name)
	if errors.Is(err, ErrInterrupted) || ctx.Err() != nil {
		return err
	}
	return nil // a repository that cannot be listed may still be uploaded to
}

// judgeQuota says how much room a project has. The upload will be smaller than the
// files are now, as they are compressed: only what surely does not fit is refused.
func (s *Session) judgeQuota(ctx context.Context, project string, bytes int64) Verdict {
	q, err := s.Registry.Quota(ctx, project)
	switch {
	case errors.Is(err, ErrForbidden) || errors.Is(err, ErrNotFound):
		return Verdict{Bad: message.Of("flow.image.forbidden", project)}
	case err != nil:
		return Verdict{Note: message.Of("flow.image.unknown")}
	case q.Limit == 0:
		return Verdict{Note: message.Of("flow.image.unlimited")}
	}
	left := max(q.Limit-q.Used, 0)
	if left == 0 || bytes/mostCompression > left {
		return Verdict{Bad: message.Of("flow.image.full", project, message.Bytes(left), message.Bytes(bytes))}
	}
	return Verdict{Note: message.Of("flow.image.left", message.Bytes(left), message.Bytes(bytes))}
}

// mostCompression is how much smaller than its files a layer can be expected to be at
// best.
const mostCompression = 10

func (s *Session) nameTag(ctx context.Context, t *target) error {
	tag, err := s.Face.Ask(ctx, Question{
		Asked:   Asked{ID: "tag", Title: message.Of("flow.tag"), Label: message.Of("flow.tag.label"), Help: message.Of("flow.tag.help"), Flag: "jbuild push " + t.workspace + " PROJECT/NAME:TAG"},
		Default: cmp.Or(t.tag, proposeTag(t.tags, s.Now())),
		Check: func(_ context.Context, typed string) Verdict {
			if !tagForm().MatchString(typed) {
				return Verdict{Bad: message.Of("flow.tag.form")}
			}
			there, ok := t.find(typed)
			switch {
			case ok && there.Immutable:
				return Verdict{Bad: message.Of("flow.tag.immutable", proposeTag(t.tags, s.Now()))}
			case ok:
				return Verdict{Note: message.Of("flow.tag.exists", message.Date(there.Pushed))}
			}
			return Verdict{Note: message.Of("flow.tag.new", s.Registry.Host()+"/"+t.repository+":"+typed)}
		},
	})
	if err == nil {
		t.tag = tag
	}
	return err
}

func (t *target) find(tag string) (Tag, bool) {
	for _, there := range t.tags {
		if there.Name == tag {
			return there, true
		}
	}
	return Tag{}, false
}

func (s *Session) confirmOverwrite(ctx context.Context, t *target) error {
	there, ok := t.find(t.tag)
	if !ok {
		return errNothingAsked
	}
	yes, err := s.Face.Confirm(ctx, Confirmation{
		Asked: Asked{ID: "overwrite", Title: message.Of("flow.overwrite", t.repository+":"+t.tag), Label: message.Of("flow.overwrite.label"), Help: message.Of("flow.overwrite.help", message.Date(there.Pushed)), Flag: "jbuild push --overwrite"},
		Yes:   message.Of("flow.overwrite.yes"),
		No:    message.Of("flow.overwrite.no"),
	})
	if err == nil && !yes {
		t.tag = proposeTag(t.tags, s.Now())
		return ErrBack
	}
	return err
}
