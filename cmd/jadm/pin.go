package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/user"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

func (p *program) newPinCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pin --reason WHY IMAGE",
		Short: "Keep an image that is cited",
		Long: `Keep an image for good: no rule takes its last tag or its object in the store. IMAGE
is PROJECT/REPOSITORY:TAG or PROJECT/REPOSITORY@DIGEST; of a tag, what it stands for
now is kept. Users pin with 'jrun pin'.`,
		Example: "  jadm pin lab/sim:2 --reason 'Suzuki 2026, figure 3'",
		Args:    wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fault.New("cannot pin without a reason", errors.New("in five years somebody will ask"), "jadm pin "+args[0]+" --reason 'Suzuki 2026, figure 3'")
			}
			book, pin, err := p.pinOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			pin.Reason = reason
			if !p.dryRun {
				if err := book.AddPin(pin, pin.Time); err != nil {
					return err
				}
			}
			return p.printPins(cmd, []usage.Pin{pin})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`WHY` it must stay, for those who come later")
	return cmd
}

func (p *program) newUnpinCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unpin IMAGE",
		Short:   "Let the rules have an image again",
		Long:    "Let the rules have an image again that was pinned, by whomever. It is not removed by this.",
		Example: "  jadm unpin lab/sim:2\n  jadm unpin lab/sim@sha256:4fd1…",
		Args:    wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, pin, err := p.pinOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.dryRun {
				pins, err := book.PinsOf(pin.Project)
				if err != nil {
					return err
				}
				var meant []usage.Pin
				for _, other := range pins {
					if other.Is(pin.Digest) && other.Repository == pin.Repository {
						meant = append(meant, other)
					}
				}
				return p.printPins(cmd, meant)
			}
			n, err := book.RemovePin(pin, true, pin.Time)
			if err != nil {
				return err
			}
			if n == 0 {
				return fault.Newf(errors.New("nobody has pinned it"), "jadm pins lists what is", "cannot unpin %s", args[0])
			}
			if p.json {
				return printJSON(cmd.OutOrStdout(), map[string]int{"removed": n})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "unpinned %s@%s\n", pin.Repository, pin.Digest)
			return err
		},
	}
}

func (p *program) newPinsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "pins [PROJECT]",
		Short:   "List what is cited, by whom and why",
		Long:    "List the images that are pinned: by users with 'jrun pin', and by 'jadm pin'.",
		Example: "  jadm pins\n  jadm pins lab --json",
		Args:    wantArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := p.book()
			if err != nil {
				return err
			}
			pins, err := book.Pins()
			if len(args) == 1 {
				pins, err = book.PinsOf(args[0])
			}
			if err != nil {
				return err
			}
			return p.printPins(cmd, pins)
		},
	}
}

func (p *program) printPins(cmd *cobra.Command, pins []usage.Pin) error {
	if p.json {
		return printJSON(cmd.OutOrStdout(), append([]usage.Pin{}, pins...))
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "IMAGE\tDIGEST\tBY\tWHEN\tWHY")
	for _, pin := range pins {
		fmt.Fprintf(table, "%s/%s\t%s\t%s\t%s\t%s\n", printable.Line(pin.Project), printable.Line(pin.Repository), short(pin.Digest.String()), printable.Line(whoPinned(pin)),
			pin.Time.Local().Format(time.DateOnly), printable.Line(pin.Reason))
	}
	return table.Flush()
}

// whoPinned is the account; what users call themselves proves nothing.
func whoPinned(pin usage.Pin) string {
	if pin.UID == usage.Administrator {
		return pin.By
	}
	number := strconv.Itoa(pin.UID)
	if account, err := user.LookupId(number); err == nil {
		return account.Username
	}
	return "uid " + number
}

var imageGrammar = regexp.MustCompile(`^([a-z0-9][a-z0-9._-]*)/([a-z0-9][a-z0-9._/-]*?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`)

// pinOf is a pin of this account for an image that Harbor has, or had if a digest is
// named.
func (p *program) pinOf(ctx context.Context, name string) (usage.Book, usage.Pin, error) {
	book, err := p.book()
	if err != nil {
		return book, usage.Pin{}, err
	}
	words := imageGrammar.FindStringSubmatch(strings.TrimPrefix(name, book.Registry+"/"))
	if words == nil || words[3] == "" && words[4] == "" {
		return book, usage.Pin{}, fault.Newf(errors.New("it is not PROJECT/REPOSITORY:TAG or PROJECT/REPOSITORY@DIGEST"), "jadm usage lists images", "cannot tell which image %q is", name)
	}
	pin := usage.Pin{
		Project: words[1], Repository: words[2], Digest: digest.Digest(words[4]), UID: usage.Administrator, By: actor(), Time: clock().UTC(),
		Reference: book.Registry + "/" + strings.TrimPrefix(name, book.Registry+"/"),
	}
	if pin.Digest != "" {
		return book, pin, nil
	}
	client, err := p.harbor()
	if err != nil {
		return book, pin, err
	}
	artifact, err := client.Artifact(ctx, words[1], words[2], words[3])
	if harbor.Status(err) == http.StatusNotFound {
		return book, pin, fault.Newf(err, "check the name in Harbor", "there is no image %s", name)
	}
	pin.Digest = artifact.Digest
	return book, pin, err
}
