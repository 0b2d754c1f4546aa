package flow

import (
	"context"
	"errors"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// errLater ends an upload because the user wants to do it another time.
var errLater = errors.New("not now")

// send uploads until it has worked or the user gives up.
func (s *Session) send(ctx context.Context, t *target) error {
	for {
		meter := &meter{now: s.Now}
		err := s.Face.Work(ctx, message.Of("flow.uploading", s.short(s.reference(t))), func(ctx context.Context, report func(Progress)) (err error) {
			t.done, err = s.Uploader.Upload(ctx, t.workspace, s.reference(t), func(now Transfer) { report(meter.progress(now)) })
			return err
		})
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, ErrFaceGone) {
			return err
		}
		s.Face.Tell(sendFailure(err))
		if errors.Is(err, ErrImmutable) {
			t.markImmutable()
			return ErrBack // to the tag
		}
		if err := s.askAfterFailure(ctx, t, err); err != nil {
			return err
		}
	}
}

// markImmutable keeps the tag that was refused from being proposed again.
func (t *target) markImmutable() {
	for i := range t.tags {
		if t.tags[i].Name == t.tag {
			t.tags[i].Immutable = true
			t.tag = ""
			return
		}
	}
	t.tags = append(t.tags, Tag{Name: t.tag, Immutable: true})
	t.tag = ""
}

// sendFailure says in plain words why an upload stopped.
func sendFailure(err error) Notice {
	n := Notice{ID: "upload-failed", Kind: Failure, Body: []message.Text{message.Of("flow.upload.kept")}}
	switch {
	case errors.Is(err, ErrInterrupted):
		n.Kind, n.Title = Warning, message.Of("flow.upload.stopped")
	case errors.Is(err, ErrWrongLogin) || errors.Is(err, ErrNoLogin):
		n.Title = message.Of("flow.upload.login")
	case errors.Is(err, ErrForbidden):
		n.Title = message.Of("flow.upload.forbidden")
	case errors.Is(err, ErrNoSpace):
		n.Title = message.Of("flow.upload.full")
		n.Body = append(n.Body, message.Of("flow.upload.full.body"))
	case errors.Is(err, ErrImmutable):
		n.Title = message.Of("flow.upload.immutable")
	case errors.Is(err, ErrUnreachable):
		n.Title = message.Of("flow.upload.cut")
	default:
		told := FailureNotice(err)
		n.Title, n.Body = told.Title, append(told.Body, n.Body...)
	}
	return n
}

// askAfterFailure returns nil to try again.
func (s *Session) askAfterFailure(ctx context.Context, t *target, cause error) error {
	c := Choice{
		Asked:   Asked{ID: "upload-again", Title: message.Of("flow.again"), Flag: "jbuild push " + t.workspace},
		Default: "again",
		Rows: []Row{
			{Key: "again", Cells: []message.Text{message.Of("flow.again.again")}, Note: message.Of("flow.again.again.note")},
			{Key: "login", Cells: []message.Text{message.Of("flow.again.login")}, Note: message.Of("flow.again.login.note")},
			{Key: "later", Cells: []message.Text{message.Of("flow.again.later")}, Note: message.Of("flow.again.later.note")},
		},
	}
	if errors.Is(cause, ErrWrongLogin) || errors.Is(cause, ErrNoLogin) || errors.Is(cause, ErrForbidden) {
		c.Default = "login"
	}
	for {
		answer, err := s.Face.Choose(ctx, c)
		switch {
		case err != nil:
			return err
		case answer == "later":
			return errLater
		case answer == "again":
			return nil
		}
		if err := s.askLogin(ctx); !errors.Is(err, ErrBack) {
			return err
		}
	}
}
