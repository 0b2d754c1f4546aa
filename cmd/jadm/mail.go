package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/spf13/cobra"
)

const mailLong = `Letters to people: welcome, you are leaving, your virtual machine ends. They go by
SMTP, by a command such as sendmail, or only become files, as mail in jadm.toml says.`

func (p *program) newMailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "mail",
		Short:   "Try whether letters arrive",
		Long:    mailLong,
		Args:    wantArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: "  jadm mail test suzuki@example.ac.jp",
	}
	cmd.AddCommand(p.newMailTestCommand())
	return cmd
}

func (p *program) newMailTestCommand() *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "test ADDRESS",
		Short: "Send a test letter",
		Long:  "Send a letter that says that letters arrive. With --dry-run it is only shown.",
		Example: `  jadm mail test suzuki@example.ac.jp
  jadm mail test --language ja --dry-run suzuki@example.ac.jp`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runMailTest(cmd.Context(), cmd.OutOrStdout(), args[0], language)
		},
	}
	cmd.Flags().StringVar(&language, "language", "", "`LANGUAGE` of the letter, en or ja, instead of the site's")
	return cmd
}

func (p *program) runMailTest(ctx context.Context, out io.Writer, address, language string) error {
	if language != "" && language != "en" && language != "ja" {
		return fault.Newf(fmt.Errorf("%q is neither en nor ja", language), "write --language en or --language ja", "cannot understand the command line")
	}
	post, err := p.post()
	if err != nil {
		return err
	}
	letter := notice.Letter{To: people.Person{ID: address, Mail: address, Language: language}, Kind: "test", Key: "test/" + rand.Text()}
	if p.dryRun {
		if language == "" {
			language = p.loaded.Language
		}
		text, err := post.Render(letter, language)
		if err != nil {
			return err
		}
		if p.json {
			return printJSON(out, map[string]string{"to": address, "way": post.Way(), "subject": text.Subject, "body": text.Body})
		}
		_, err = fmt.Fprintf(out, "To: %s\nSubject: %s\n\n%s", printable.Line(address), text.Subject, text.Body)
		return err
	}
	if _, err := post.Send(ctx, letter); err != nil {
		return err
	}
	if p.json {
		return printJSON(out, map[string]string{"to": address, "way": post.Way()})
	}
	_, err = fmt.Fprintf(out, "a letter to %s has gone %s\n", printable.Line(address), post.Way())
	return err
}
