package flow

import (
	"context"
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// inside is a root shell in a workspace, and what comes after it, as often as the user
// likes.
func (s *Session) inside(ctx context.Context, name string) error {
	s.working = name
	for {
		if err := s.shell(ctx, name); err != nil {
			return err
		}
		again, err := s.after(ctx, name)
		if err != nil || !again {
			return err
		}
	}
}

func (s *Session) shell(ctx context.Context, name string) error {
	s.Face.Tell(Notice{
		ID: "inside", Kind: Info, Title: message.Of("flow.inside", name),
		Body: []message.Text{message.Of("flow.inside.root"), message.Of("flow.inside.safe"), message.Of("flow.inside.exit")},
		Table: [][]message.Text{
			{message.Of("flow.inside.apt"), message.Of("flow.inside.apt.note")},
			{message.Of("flow.inside.pip"), message.Of("flow.inside.pip.note")},
			{message.Plain("exit"), message.Of("flow.inside.exit.note")},
		},
	})
	err := s.Face.Shell(ctx, func(ctx context.Context, c Console) error {
		return s.Workspaces.Shell(ctx, name, s.Printer().Say("flow.prompt", name), c)
	})
	if errors.Is(err, ErrInUse) {
		return message.Fail(message.Of("flow.in-use", name), nil, message.Of("flow.in-use.next"))
	}
	return err
}

// after tells what changed and asks what to do with it; again means back into the
// shell.
func (s *Session) after(ctx context.Context, name string) (again bool, err error) {
	changes, err := s.changes(ctx, name)
	if err != nil {
		return false, err
	}
	s.tellChanges(name, changes)
	for {
		next, err := s.chooseNext(ctx, name, changes)
		if errors.Is(err, ErrBack) {
			return true, nil // before this question was the shell
		}
		if err != nil {
			return false, err
		}
		switch next {
		case "shell":
			return true, nil
		case "later":
			s.Face.Tell(Notice{ID: "later", Kind: Info, Title: message.Of("flow.later", name), Code: message.Plain("jbuild shell " + name)})
			return false, nil
		case "recipe":
			err = s.showRecipe(ctx, name)
		case "upload":
			err = s.upload(ctx, name, changes)
		case "discard":
			err = s.discard(ctx, name)
		}
		if errors.Is(err, errBackIntoShell) {
			return true, nil
		}
		if err == nil && next != "recipe" {
			return false, nil
		}
		if !errors.Is(err, ErrBack) {
			if err = s.tellFailure(ctx, err); err != nil {
				return false, err
			}
		}
	}
}

func (s *Session) changes(ctx context.Context, name string) (c Changes, err error) {
	err = s.Face.Work(ctx, message.Of("flow.comparing"), func(ctx context.Context, _ func(Progress)) error {
		c, err = s.Workspaces.Changes(ctx, name)
		return err
	})
	return c, err
}

func (s *Session) chooseNext(ctx context.Context, name string, changes Changes) (string, error) {
	c := Choice{
		Asked:   Asked{ID: "next", Title: message.Of("flow.next"), Label: message.Of("flow.next.label"), Flag: "jbuild push " + name},
		Default: "upload",
		Rows: []Row{
			{Key: "upload", Cells: []message.Text{message.Of("flow.next.upload")}, Note: message.Of("flow.next.upload.note")},
			{Key: "shell", Cells: []message.Text{message.Of("flow.next.shell")}, Note: message.Of("flow.next.shell.note")},
			{Key: "later", Cells: []message.Text{message.Of("flow.next.later")}, Note: message.Of("flow.next.later.note")},
			{Key: "recipe", Cells: []message.Text{message.Of("flow.next.recipe")}, Note: message.Of("flow.next.recipe.note")},
			{Key: "discard", Cells: []message.Text{message.Of("flow.next.discard")}, Note: message.Of("flow.next.discard.note")},
		},
	}
	if changes.None() {
		c.Default = "shell"
	}
	return s.Face.Choose(ctx, c)
}

func (s *Session) showRecipe(ctx context.Context, name string) error {
	var text string
	err := s.Face.Work(ctx, message.Of("flow.recipe.making"), func(ctx context.Context, _ func(Progress)) (err error) {
		text, err = s.Workspaces.Recipe(ctx, name)
		return err
	})
	if err == nil {
		s.Face.Show(Document{ID: "recipe", Title: message.Of("flow.recipe"), Text: text})
	}
	return err
}

// discard removes a workspace after its name has been typed.
func (s *Session) discard(ctx context.Context, name string) error {
	_, err := s.Face.Ask(ctx, Question{
		Asked: Asked{ID: "discard", Title: message.Of("flow.discard", name), Help: message.Of("flow.discard.help"), Flag: "jbuild rm --yes " + name},
		Check: func(_ context.Context, typed string) Verdict {
			if typed != name {
				return Verdict{Bad: message.Of("flow.discard.type", name)}
			}
			return Verdict{Note: message.Of("flow.discard.now")}
		},
	})
	if err != nil {
		return err
	}
	err = s.Face.Work(ctx, message.Of("flow.discard.doing", name), func(ctx context.Context, _ func(Progress)) error {
		return s.Workspaces.Remove(ctx, name)
	})
	if err == nil {
		s.working = ""
		s.Face.Tell(Notice{ID: "discarded", Kind: Success, Title: message.Of("flow.discard.done", name)})
	}
	return err
}
