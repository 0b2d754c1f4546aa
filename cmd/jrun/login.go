package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/spf13/cobra"
)

// loginOptions are the flags of jrun login.
type loginOptions struct {
	user          string
	passwordStdin bool
}

func newLoginCommand(g *globalOptions) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login [flags] [REGISTRY]",
		Short: "Log in to a registry",
		Long: `Ask for your name and password at a registry, check them there, and keep them for
all nodes, in ~/.config/containers/auth.json or in a credential helper if one is
configured. podman and skopeo read the same file.

REGISTRY is the host in front of images' names, or HOST/PROJECT for a login that only
that project takes; if it is left out, the host of default_registry in jrun.toml.
There is no flag for the password: other users of a machine can see command lines.`,
		Example: `  jrun login harbor.example.ac.jp
  jrun login -u 'robot$lab+ci' --password-stdin harbor.example.ac.jp <secret.txt`,
		Args: wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogin(cmd.Context(), g, &o, args, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&o.user, "username", "u", "", "`USER` at the registry; asked for if it is left out")
	cmd.Flags().BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from the first line of the standard input")
	g.addAuthFileFlag(cmd)
	return cmd
}

func (g *globalOptions) addAuthFileFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.authFile, "authfile", "", "`FILE` with logins, instead of the usual ones (default $REGISTRY_AUTH_FILE)")
}

func runLogin(ctx context.Context, g *globalOptions, o *loginOptions, args []string, in io.Reader, out io.Writer) error {
	c, client, st, err := g.openForLogin()
	if err != nil {
		return err
	}
	to, err := loginTarget(c, args, "jrun login harbor.example.ac.jp")
	if err != nil {
		return err
	}
	user, password, err := o.ask(ctx, to, in)
	if err != nil {
		return err
	}
	kept, err := client.Login(ctx, st, to, user, password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "logged in to %s as %s; kept in %s\n", to, user, kept)
	return err
}

// openForLogin is open for commands that need no store: one that cannot be used
// here must not keep anybody from logging in.
func (g *globalOptions) openForLogin() (config, *image.Client, *store.Store, error) {
	if s, err := g.open(); err == nil {
		return s.config, s.client, s.store, nil
	}
	c, err := loadConfig()
	if err != nil {
		return c, nil, nil, err
	}
	return c, image.NewClient(g.clientOptions(c, newProgress(os.Stderr, g.quiet, g.verbose))), nil, nil
}

// loginTarget is the registry that is meant.
func loginTarget(c config, args []string, example string) (image.LoginTarget, error) {
	if len(args) > 0 {
		return image.ParseLoginTarget(args[0])
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(c.DefaultRegistry, "https://"), "/")
	if host == "" {
		return image.LoginTarget{}, fault.New("it is not clear which registry is meant", fault.Because("none is named, and jrun.toml has no default_registry"), fault.Say("name it: %s", example))
	}
	return image.ParseLoginTarget(host)
}

// ask finds out the name and the password, from the flags, the standard input and
// the terminal.
func (o *loginOptions) ask(ctx context.Context, to image.LoginTarget, in io.Reader) (user, password string, err error) {
	if o.user != "" {
		if err := image.CheckUser(o.user); err != nil {
			return "", "", err
		}
	}
	if o.passwordStdin {
		if o.user == "" {
			return "", "", fault.New("it is not clear whose password it is", fault.Because("the standard input holds the password alone"), fault.Say("name the account: jrun login -u USER --password-stdin %s", to))
		}
		password, err := firstLine(in)
		return o.user, password, err
	}
	ask, err := openPrompt(in)
	if err != nil {
		return "", "", fault.New("nobody can be asked for the password", err,
			fault.Say("run 'jrun login %s' on a terminal", to).And("or: jrun login -u USER --password-stdin %s <FILE", to))
	}
	defer ask.close()
	user = o.user
	if user == "" {
		if user, err = ask.user(ctx, os.Getenv("USER")); err != nil {
			return "", "", err
		}
		if err := image.CheckUser(user); err != nil {
			return "", "", err
		}
	}
	password, err = ask.password(ctx, fmt.Sprintf("Password of %s at %s: ", user, to.Host()))
	if err == nil && password == "" {
		err = fault.New("no password was given", fault.Because("the answer is empty"), fault.Say("try again: jrun login %s", to))
	}
	return user, password, err
}

// maxPasswordBytes is far beyond any password and robot secret.
const maxPasswordBytes = 64 << 10

// firstLine reads a password that a program has written.
func firstLine(in io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxPasswordBytes))
	if err != nil {
		return "", fault.New("the password cannot be read", err, "give it on the standard input: jrun login --password-stdin … <FILE")
	}
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fault.New("no password was given", fault.Because("the first line of the standard input is empty"), "give it on the standard input: jrun login --password-stdin … <FILE")
	}
	return line, nil
}

func newLogoutCommand(g *globalOptions) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "logout [flags] [REGISTRY]",
		Short: "Forget the login to a registry",
		Long: `Remove the login to a registry from all files and credential helpers in which jrun
looks for it; with --authfile from that file only. The registry is not told.`,
		Example: "  jrun logout harbor.example.ac.jp\n  jrun logout --all",
		Args:    wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogout(g, all, args, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "forget the logins to all registries")
	g.addAuthFileFlag(cmd)
	return cmd
}

func runLogout(g *globalOptions, all bool, args []string, out io.Writer) error {
	c, client, st, err := g.openForLogin()
	if err != nil {
		return err
	}
	if all && len(args) > 0 {
		return fault.New("cannot understand the command line", fault.Because("--all and a registry mean different things"), fault.Say("jrun logout %s", args[0]).And("or: jrun logout --all"))
	}
	var removed []image.RemovedLogin
	if all {
		removed, err = client.LogoutAll(st)
	} else {
		var from image.LoginTarget
		if from, err = loginTarget(c, args, "jrun logout harbor.example.ac.jp, or --all"); err != nil {
			return err
		}
		removed, err = client.Logout(st, from)
	}
	for _, r := range removed {
		fmt.Fprintf(out, "removed the login to %s from %s\n", r.Registry, r.From)
	}
	if all && err == nil && len(removed) == 0 {
		_, err = fmt.Fprintln(out, "there was no login")
	}
	return err
}
