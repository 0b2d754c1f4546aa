package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
)

// imageEntry is one image of `jrun images --json`.
type imageEntry struct {
	Digest     string         `json:"digest"`
	References []string       `json:"references"` // names that stand for it; may be empty
	Platform   store.Platform `json:"platform"`
	SizeBytes  int64          `json:"sizeBytes"`
	Created    time.Time      `json:"created"` // when it was converted
	Path       string         `json:"path"`
	Site       bool           `json:"site"` // it is in the site's part of the store
}

func newImagesCommand(g *globalOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "images [flags]",
		Short:   "List the images in the store",
		Example: "  jrun images\n  jrun images --json",
		Args:    wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			entries, err := s.images()
			if asJSON {
				if err := printJSON(cmd.OutOrStdout(), entries); err != nil {
					return err
				}
			} else if printErr := printImages(cmd.OutOrStdout(), entries); printErr != nil {
				return printErr
			}
			return err // what could not be read, after what could
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (s *session) images() ([]imageEntry, error) {
	entries := []imageEntry{}
	objects, err := s.store.List()
	refs, refErr := s.store.Refs()
	if refErr != nil {
		err = refErr
	}
	for _, o := range append(objects, s.siteImages(refs, objects)...) {
		names := namesOf(refs, o.Digest)
		entries = append(entries, imageEntry{
			Digest: o.Digest.String(), References: names, Platform: o.Meta.Platform,
			SizeBytes: o.Meta.SizeBytes, Created: o.Meta.Created, Path: o.Path, Site: o.Site,
		})
	}
	return entries, err
}

// siteImages are those of the site that this user has a name for and no copy of.
func (s *session) siteImages(refs []store.Ref, own []store.Object) []store.Object {
	seen := map[digest.Digest]bool{}
	for _, o := range own {
		seen[o.Digest] = true
	}
	var found []store.Object
	for _, r := range refs {
		ref, err := image.ParseReference(r.Name)
		if err != nil || seen[r.Digest] {
			continue
		}
		if o, err := s.store.Find(image.PlaceOf(ref), r.Digest); err == nil {
			seen[r.Digest] = true
			found = append(found, o)
		}
	}
	return found
}

// namesOf is never nil: JSON shows an image without names as having none.
func namesOf(refs []store.Ref, d digest.Digest) []string {
	names := []string{}
	for _, r := range refs {
		if r.Digest == d {
			names = append(names, r.Name)
		}
	}
	return names
}

func printImages(out io.Writer, entries []imageEntry) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "IMAGE\tDIGEST\tSIZE\tFETCHED")
	for _, e := range entries {
		names := e.References
		if len(names) == 0 {
			names = []string{"(no name)"}
		}
		for _, name := range names {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, shortDigest(e.Digest), quantity.Size(e.SizeBytes), e.Created.Local().Format(time.DateTime))
		}
	}
	return table.Flush()
}

// shortDigest is enough of a digest for a person, and for jrun rm and inspect.
func shortDigest(d string) string {
	const head = len("sha256:") + 12
	return d[:min(len(d), head)]
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
