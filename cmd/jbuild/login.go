package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workshop"
	"github.com/spf13/cobra"
)

// loginOptions are the flags of jbuild login.
type loginOptions struct {
	user          string
	passwordStdin bool
}

func (p *program) newLoginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:     p.Say("login.use"),
		Short:   p.Say("login.short"),
		Long:    p.Say("login.long"),
		Example: p.Say("login.examples"),
		Args:    p.args(0, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runLogin(cmd, &o, args) },
	}
	cmd.Flags().StringVarP(&o.user, "username", "u", "", p.Say("login.username"))
	cmd.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, p.Say("login.password-stdin"))
	return cmd
}

func (p *program) runLogin(cmd *cobra.Command, o *loginOptions, args []string) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	to, err := loginTarget(config.Registry, args)
	if err != nil {
		return err
	}
	user, password, err := p.askLogin(cmd.Context(), cmd.InOrStdin(), o, to)
	if err != nil {
		return err
	}
	kept, err := client(config).Login(cmd.Context(), nil, to, user, password)
	if err != nil {
		return workshop.LoginFault(to, user, err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), p.Say("login.done", to.String(), user, kept))
	return err
}

func (p *program) newLogoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:     p.Say("logout.use"),
		Short:   p.Say("logout.short"),
		Long:    p.Say("logout.long"),
		Example: p.Say("logout.examples"),
		Args:    p.args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := p.config()
			if err != nil {
				return err
			}
			from, err := loginTarget(config.Registry, args)
			if err != nil {
				return err
			}
			removed, err := client(config).Logout(nil, from)
			for _, r := range removed {
				fmt.Fprintln(cmd.OutOrStdout(), p.Say("logout.done", r.Registry, r.From))
			}
			if errors.Is(err, image.ErrNotLoggedIn) {
				return message.Fail(message.Of("workshop.not-logged-in", from.String()), nil, message.Of("logout.nothing"))
			}
			return err
		},
	}
}

// loginTarget is the registry that is meant: the one that is named, or the site's.
func loginTarget(registry string, args []string) (image.LoginTarget, error) {
	if len(args) > 0 {
		registry = args[0]
	}
	if registry == "" {
		return image.LoginTarget{}, message.Fail(message.Of("login.which"), nil, message.Of("login.which.next"))
	}
	to, err := image.ParseLoginTarget(registry)
	if err != nil {
		return to, message.Fail(message.Of("login.bad-registry", registry), err, message.Of("login.which.next"))
	}
	return to, nil
}

// askLogin finds out name and password, from flags, the standard input and the
// terminal.
func (p *program) askLogin(ctx context.Context, in io.Reader, o *loginOptions, to image.LoginTarget) (user, password string, err error) {
	if o.passwordStdin {
		if o.user == "" {
			return "", "", message.Fail(message.Of("login.whose"), nil, message.Of("login.whose.next", to.String()))
		}
		password, err := firstLine(in)
		return o.user, password, err
	}
	face, err := p.face()
	if err != nil {
		return "", "", err
	}
	defer func() { _ = face.Close() }() // the answers are there
	return askLogin(ctx, face, o.user, to.String())
}

// mostPassword bounds the first line of the standard input.
const mostPassword = 64 << 10

// firstLine reads a line, without its end.
func firstLine(in io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < mostPassword; {
		n, err := in.Read(b)
		if n > 0 && b[0] == '\n' {
			break
		}
		line = append(line, b[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
	}
	if len(line) == 0 {
		return "", message.Fail(message.Of("login.empty"), nil, message.Of("login.empty.next"))
	}
	return string(line), nil
}
