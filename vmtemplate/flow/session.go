package flow

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

// Session is one guided conversation.
type Session struct {
	Face       Face
	Workspaces Workspaces
	Registry   Registry
	Uploader   Uploader
	Site       site.Config
	// Printer has the language of what is written: job scripts. It is asked each time, as
	// a page's reader may change it.
	Printer func() *message.Printer
	Dir     string           // where files are written to
	Now     func() time.Time // time.Now if nil

	user    string // at the registry; empty: not logged in
	offline bool   // the user goes on without a registry
	working string // the workspace that is spoken of, for the farewell
}

// Run talks until the user leaves. It returns ErrInterrupted after Ctrl-C, and the
// context's error when that ends; the user has been told by then.
func (s *Session) Run(ctx context.Context) error {
	if s.Now == nil {
		s.Now = time.Now
	}
	s.Face.Tell(Notice{ID: "welcome", Kind: Info, Title: message.Of("flow.welcome"), Body: []message.Text{message.Of("flow.welcome.body")}})
	err := s.talk(ctx)
	if errors.Is(err, ErrInterrupted) || ctx.Err() != nil {
		s.Face.Tell(s.interrupted())
		return cmp.Or(ctx.Err(), err)
	}
	if err == nil {
		s.Face.Tell(Notice{ID: "bye", Kind: Info, Title: message.Of("flow.bye")})
	}
	return err
}

// interrupted says that nothing is lost, and how to go on.
func (s *Session) interrupted() Notice {
	n := Notice{ID: "interrupted", Kind: Info, Title: message.Of("flow.interrupted"), Body: []message.Text{message.Of("flow.interrupted.body")}, Code: message.Plain("jbuild")}
	if s.working != "" {
		n.Body = []message.Text{message.Of("flow.interrupted.workspace", s.working)}
		n.Code = message.Plain("jbuild shell " + s.working)
	}
	return n
}

func (s *Session) talk(ctx context.Context) error {
	if err := s.logIn(ctx); err != nil {
		if errors.Is(err, ErrBack) {
			return nil // nothing is before the login
		}
		return err
	}
	for {
		s.working = ""
		next, err := s.chooseWhat(ctx)
		if errors.Is(err, ErrBack) || next == "quit" && err == nil {
			return nil
		}
		if err == nil {
			err = s.do(ctx, next)
		}
		if errors.Is(err, ErrBack) {
			continue
		}
		if err = s.tellFailure(ctx, err); err != nil {
			return err
		}
	}
}

// tellFailure tells what went wrong and lets the session go on; what ends the session it
// returns.
func (s *Session) tellFailure(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrInterrupted) || errors.Is(err, ErrFaceGone) || ctx.Err() != nil {
		return err
	}
	s.Face.Tell(FailureNotice(err))
	return nil
}

// FailureNotice is an error as a notice.
func FailureNotice(err error) Notice {
	n := Notice{ID: "failure", Kind: Failure, Title: message.Of("flow.failure", err)}
	var known *message.Error
	if errors.As(err, &known) {
		n.Title = known.What
		if known.Why != nil {
			n.Body = append(n.Body, message.Of("flow.reason", known.Why))
		}
		n.Body = append(n.Body, known.Next...)
	}
	return n
}

// shortcut begins the answer that names a workspace to go on with.
const shortcut = "continue/"

func (s *Session) do(ctx context.Context, what string) error {
	if name, ok := strings.CutPrefix(what, shortcut); ok {
		return s.inside(ctx, name)
	}
	switch what {
	case "new":
		return s.newImage(ctx)
	case "continue":
		return s.goOn(ctx)
	case "upload":
		return s.uploadOne(ctx)
	case "delete":
		return s.deleteOne(ctx)
	case "login":
		return s.needLogin(ctx)
	}
	return nil
}

func (s *Session) chooseWhat(ctx context.Context) (string, error) {
	all, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	c := Choice{
		Asked:   Asked{ID: "what", Title: message.Of("flow.what"), Label: message.Of("flow.what.label"), Flag: "jbuild --help"},
		Default: "new",
	}
	add := func(key string, text, note message.Text) {
		c.Rows = append(c.Rows, Row{Key: key, Cells: []message.Text{text}, Note: note})
	}
	if s.offline {
		add("login", message.Of("flow.what.login"), message.Of("flow.what.login.note", s.Registry.Host()))
	}
	add("new", message.Of("flow.what.new"), message.Of("flow.what.new.note"))
	if len(all) > 0 {
		c.Default = "continue"
		add("continue", message.Of("flow.what.continue"), message.Of("flow.what.continue.note", all[0].Name))
		add("upload", message.Of("flow.what.upload"), message.Of("flow.what.upload.note"))
		add("delete", message.Of("flow.what.delete"), message.Of("flow.what.delete.note"))
		for _, row := range s.workspaceRows(all) {
			row.Key = shortcut + row.Key
			c.Shortcuts = append(c.Shortcuts, row)
		}
	}
	add("quit", message.Of("flow.what.quit"), message.Of("flow.what.quit.note"))
	return s.Face.Choose(ctx, c)
}

// list are the workspaces there are.
func (s *Session) list(ctx context.Context) (all []Workspace, err error) {
	err = s.Face.Work(ctx, message.Of("flow.listing"), func(ctx context.Context, _ func(Progress)) error {
		all, err = s.Workspaces.List(ctx)
		return err
	})
	return all, err
}
