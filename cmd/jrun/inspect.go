package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/shellword"
	"github.com/spf13/cobra"
)

// inspection is `jrun inspect --json`.
type inspection struct {
	Digest     string          `json:"digest,omitempty"` // absent for a file without metadata
	References []string        `json:"references"`
	Platform   store.Platform  `json:"platform"`
	SizeBytes  int64           `json:"sizeBytes"` // of the squashfs file
	Created    time.Time       `json:"created"`   // when it was converted
	Path       string          `json:"path"`
	Layers     []store.Layer   `json:"layers"`
	Config     json.RawMessage `json:"config"` // the image's own, as pushed
}

func newInspectCommand(g *globalOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] IMAGE",
		Short: "Show what is known of an image",
		Long: `Show what is known of an image in the store, or of a .sqfs file: its digest,
layers, environment, command and labels. No registry is asked.`,
		Example:           "  jrun inspect harbor.example.ac.jp/lab/python:3\n  jrun inspect --json sha256:4fd1b3c9 | jq .config.config.Env",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			object, err := s.findOrFile(cmd, args[0])
			if err != nil {
				return err
			}
			refs, err := s.store.RefsOf(object.Digest)
			if err != nil {
				return err
			}
			i := inspection{
				Digest: object.Digest.String(), References: namesOf(refs, object.Digest), Platform: object.Meta.Platform, SizeBytes: object.Meta.SizeBytes,
				Created: object.Meta.Created, Path: object.Path, Layers: object.Meta.Layers, Config: object.Meta.RawConfig,
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), i)
			}
			return i.print(cmd.OutOrStdout(), object)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (s *session) findOrFile(cmd *cobra.Command, name string) (store.Object, error) {
	if ref, err := image.ParseReference(name); err == nil && ref.Kind() == image.Squashfs {
		object, _, err := s.client.Ensure(cmd.Context(), s.store, ref, nil)
		return object, err
	}
	return s.find(name)
}

func (i *inspection) print(out io.Writer, object store.Object) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, printable.Line(value)) // images may say anything
		}
	}
	config := object.Meta.Config.Config
	row("digest", i.Digest)
	row("names", strings.Join(i.References, ", "))
	if i.Platform.OS != "" {
		row("platform", i.Platform.String())
	}
	row("file", fmt.Sprintf("%s (%s)", i.Path, quantity.Size(i.SizeBytes)))
	if !i.Created.IsZero() {
		row("fetched", i.Created.Local().Format(time.DateTime))
	}
	row("entry point", shellword.ShowLine(config.Entrypoint))
	row("command", shellword.ShowLine(config.Cmd))
	row("directory", config.WorkingDir)
	for _, pair := range config.Env {
		row("environment", pair)
	}
	for name, value := range config.Labels {
		row("label", name+"="+value)
	}
	for _, l := range i.Layers {
		row("layer", fmt.Sprintf("%s (%s)", l.Digest, quantity.Size(l.SizeBytes)))
	}
	return table.Flush()
}
