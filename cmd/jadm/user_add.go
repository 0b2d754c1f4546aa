package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

const userAddLong = `Take people of the directory in: each gets a project with their name, of which
they are the admin; is made a guest of the shared projects (onboarding.shared in
jadm.toml); gets a login for the compute servers that can only download; and a
letter that tells of it, in their language.

What is there already stays, so that the command can be repeated, and goes on where
it was interrupted. A project or robot of the same name that belongs to somebody else
is an error.

The login is written in the form of ~/.config/containers/auth.json, which jrun, podman
and skopeo read: into a file for each person below onboarding.credentials, from where
'jadm user place' puts it into their home; or into the file of --credential-out, where {id} stands for the
person's ID and all other logins stay; or, with -, to standard output. Harbor tells a
secret once: to write it again, make another with --new-credential.`

// userAdd are the flags of jadm user add.
type userAdd struct {
	program *program

	credentialOut string
	newCredential bool
	noLetter      bool
	firstLogins   bool
	most          int
}

func (p *program) newUserAddCommand() *cobra.Command {
	o := &userAdd{program: p}
	cmd := &cobra.Command{
		Use:   "add ID...",
		Short: "Give people a project, a login for the compute servers, and a letter",
		Long:  userAddLong,
		Example: `  jadm user add 20260001
  jadm user add --dry-run 20260001 20260002
  jadm user add 20260001 --credential-out - >20260001.json
  jadm user add 20260001 20260002 --credential-out '/shared/home/{id}/.config/containers/auth.json'
  jadm user add 20260001 --new-credential
  jadm user add --new`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
		},
	}
	cmd.Args = wantArgs(func(_ *cobra.Command, args []string) error {
		switch {
		case o.firstLogins && len(args) > 0:
			return errors.New("--new finds people by itself, and takes no IDs")
		case !o.firstLogins && len(args) == 0:
			return errors.New("the ID of somebody is missing")
		case len(args) != 1 && o.credentialOut != "" && !strings.Contains(o.credentialOut, placeholder):
			return errors.New("each of several people needs a file of their own: --credential-out with {id} in it")
		case o.most < 1:
			return errors.New("--most is less than one")
		case o.credentialOut == "-" && p.json:
			return errors.New("--json and --credential-out - both print to standard output")
		}
		return nil
	})
	flags := cmd.Flags()
	flags.StringVar(&o.credentialOut, "credential-out", "", "`FILE` to write the login of the compute servers into; - is standard output")
	flags.BoolVar(&o.newCredential, "new-credential", false, "make another secret; the old one is refused from then on")
	flags.BoolVar(&o.noLetter, "no-letter", false, "write no welcome")
	flags.BoolVar(&o.firstLogins, "new", false, "all who have logged in to Harbor and have no project")
	flags.IntVar(&o.most, "most", 100, "with --new: `NUMBER` of people at once")
	return cmd
}

// placeholder stands for a person's ID in --credential-out.
const placeholder = "{id}"

// added is what is said of one person.
type added struct {
	onboarding.Result
	Error string `json:"error,omitempty"`

	err error
}

func (o *userAdd) run(ctx context.Context, out, errOut io.Writer, ids []string) error {
	onboarder, err := o.program.onboarder()
	if err != nil {
		return err
	}
	var all []added
	if o.firstLogins {
		outcomes, err := onboarder.FirstLogins(ctx, o.choices(out), o.most)
		if err != nil {
			return err
		}
		for _, outcome := range outcomes {
			all = append(all, added{Result: outcome.Result, err: outcome.Err})
		}
	}
	for _, id := range ids {
		result, err := onboarder.Add(ctx, id, o.choices(out))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		all = append(all, added{Result: result, err: err})
	}
	return o.report(out, errOut, all)
}

func (o *userAdd) choices(out io.Writer) onboarding.Choices {
	c := onboarding.Choices{Now: clock(), DryRun: o.program.dryRun, NoLetter: o.noLetter, NewCredential: o.newCredential}
	switch o.credentialOut {
	case "":
	case "-":
		c.Credential = func(people.Person) onboarding.Sink {
			return onboarding.WriterSink{Writer: out, Name: "standard output"}
		}
	default:
		// IDs that are asked for here are names at Harbor, and lead to no other directory.
		c.Credential = func(p people.Person) onboarding.Sink {
			return onboarding.FileSink{Path: strings.ReplaceAll(o.credentialOut, placeholder, p.ID)}
		}
	}
	return c
}

// report says what was done, and ends with an error if something was not.
func (o *userAdd) report(out, errOut io.Writer, all []added) error {
	failed := false
	for i := range all {
		if all[i].err != nil {
			all[i].Error, failed = all[i].err.Error(), true
		}
	}
	if o.program.json {
		if all == nil {
			all = []added{}
		}
		if err := printJSON(out, all); err != nil {
			return err
		}
	}
	if o.credentialOut == "-" {
		out = errOut
	}
	for _, a := range all {
		if !o.program.json && (a.err == nil || len(a.Steps) > 0) {
			fmt.Fprint(out, printable.Text(o.describe(a)))
		}
		if a.err != nil {
			fmt.Fprint(errOut, fault.Format("jadm", a.err))
		}
	}
	if len(all) == 0 && !o.program.json {
		fmt.Fprintln(out, "nobody is new")
	}
	if failed {
		return errReported
	}
	return nil
}

// describe is what a person at a terminal reads.
func (o *userAdd) describe(a added) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", a.ID)
	if a.Name != "" && a.Name != a.ID {
		fmt.Fprintf(&b, "  %s", a.Name)
	}
	switch {
	case len(a.Steps) == 0 && a.err == nil:
		b.WriteString(": all is there already")
	case o.program.dryRun && len(a.Steps) > 0:
		b.WriteString(": would")
	}
	b.WriteString("\n")
	for _, s := range a.Steps {
		fmt.Fprintf(&b, "  + %s\n", sentence(s))
	}
	for _, w := range a.Warnings {
		fmt.Fprintf(&b, "  ! %s\n", w)
	}
	if a.err != nil || o.program.dryRun {
		return b.String()
	}
	if !a.Login.Expires.IsZero() {
		fmt.Fprintf(&b, "  the login of the compute servers, %s, is good until %s\n", a.Login.Robot, a.Login.Expires.Format(time.DateOnly))
	}
	if a.Login.File != "" && o.credentialOut == "" {
		fmt.Fprintf(&b, "  give it to them, as root: jadm user place %s ~%s/.config/containers/auth.json\n", a.Login.File, a.ID)
	}
	return b.String()
}

// sentence is a step in words.
func sentence(s onboarding.Step) string {
	format, known := map[string]string{
		"project.create":   "make the project %s",
		"member.add":       "add to the project %s",
		"robot.create":     "make the robot %s",
		"robot.update":     "change the robot %s",
		"robot.refresh":    "change the secret of the robot %s",
		"credential.write": "write the login to %s",
		"letter.send":      "send the welcome to %s",
	}[s.Action]
	if !known {
		return s.String()
	}
	text := fmt.Sprintf(format, s.Subject)
	if s.Detail != "" && s.Action != "credential.write" && s.Action != "letter.send" {
		text += ": " + s.Detail
	}
	return text
}
