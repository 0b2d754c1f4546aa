package main

import (
	"context"
	"errors"
	"os"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/guide"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/spf13/cobra"
)

// runGuided is jbuild alone: the guided session.
func (p *program) runGuided(cmd *cobra.Command) error {
	st, err := p.open()
	if err != nil {
		return err
	}
	defer st.Close()
	face, err := p.face()
	if err != nil {
		return err
	}
	defer func() { _ = face.Close() }() // the answers are there
	if st.config.Registry == "" {
		if st.config.Registry, err = askRegistry(cmd.Context(), face); err != nil {
			return reported(err)
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	defer p.reportQuietly(cmd.Context(), st)
	engine := &guide.Engine{Shop: p.workshop(st)}
	session := flow.Session{
		Face: face, Workspaces: engine, Registry: engine, Uploader: engine,
		Site: st.config, Printer: func() *message.Printer { return p.Printer }, Dir: dir,
	}
	return reported(session.Run(cmd.Context()))
}

// reported drops what the user has been told.
func reported(err error) error {
	if errors.Is(err, flow.ErrInterrupted) || errors.Is(err, flow.ErrBack) {
		return errReported
	}
	return err
}

// face is the terminal as it asks and tells.
func (p *program) face() (terminal.Terminal, error) {
	return terminal.Open(terminal.Options{In: os.Stdin, Out: os.Stdout, Printer: p.Printer, Plain: p.plain, Getenv: getenv})
}

// askRegistry asks for the registry where nobody has settled one.
func askRegistry(ctx context.Context, face flow.Face) (string, error) {
	return face.Ask(ctx, flow.Question{
		Asked: flow.Asked{
			ID: "registry", Title: message.Of("guided.registry"), Label: message.Of("guided.registry.label"), Help: message.Of("guided.registry.help"),
			Flag: "registry = '…' in ~/.config/jbuild/jbuild.toml",
		},
		Check: func(_ context.Context, typed string) flow.Verdict {
			if typed == "" {
				return flow.Verdict{Bad: message.Of("flow.needed")}
			}
			if _, err := image.ParseLoginTarget(typed); err != nil {
				return flow.Verdict{Bad: message.Of("guided.registry.bad")}
			}
			return flow.Verdict{}
		},
	})
}

// askLogin asks for what is missing of a login.
func askLogin(ctx context.Context, face flow.Face, user, registry string) (string, string, error) {
	needed := func(_ context.Context, typed string) flow.Verdict {
		if typed == "" {
			return flow.Verdict{Bad: message.Of("flow.needed")}
		}
		return flow.Verdict{}
	}
	var err error
	if user == "" {
		user, err = face.Ask(ctx, flow.Question{
			Asked: flow.Asked{ID: "user", Title: message.Of("flow.login.user", registry), Flag: "jbuild login -u NAME"},
			Check: needed,
		})
		if err != nil {
			return "", "", reported(err)
		}
	}
	password, err := face.Ask(ctx, flow.Question{
		Asked:  flow.Asked{ID: "password", Title: message.Of("flow.login.password", user), Flag: "jbuild login -u NAME --password-stdin"},
		Secret: true, Check: needed,
	})
	return user, password, reported(err)
}
