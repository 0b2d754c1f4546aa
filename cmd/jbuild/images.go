package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"github.com/spf13/cobra"
)

// imagesOptions are the flags of jbuild images.
type imagesOptions struct {
	all   bool
	quiet bool
}

func (p *program) newImagesCommand() *cobra.Command {
	var o imagesOptions
	cmd := &cobra.Command{
		Use:     p.Say("docker.images.use"),
		Short:   p.Say("docker.images.short"),
		Long:    p.Say("docker.images.long"),
		Example: p.Say("docker.images.examples"),
		Args:    p.args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			st, err := p.open()
			if err != nil {
				return err
			}
			defer st.Close()
			all, err := st.Images()
			if err != nil {
				return err
			}
			return p.printImages(cmd.OutOrStdout(), listedImages(all, o.all, strings.Join(args, "")), o.quiet)
		},
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, p.Say("docker.images.all"))
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, p.Say("docker.images.quiet"))
	return cmd
}

// listedImage is one name of an image, in JSON too.
type listedImage struct {
	Repository string    `json:"repository"`
	Tag        string    `json:"tag"`
	ID         string    `json:"id"`
	Created    time.Time `json:"created"`
	Bytes      int64     `json:"bytes"`
}

const none = "<none>" // docker's word

// listedImages are the names of images, those of the newest first. wanted is a repository
// with or without a tag, or empty.
func listedImages(all []workspace.Kept, unnamed bool, wanted string) []listedImage {
	list := make([]listedImage, 0, len(all))
	for _, img := range all {
		line := listedImage{Repository: none, Tag: none, ID: "sha256:" + img.ID, Created: img.Created, Bytes: img.Bytes}
		if len(img.Names) == 0 && unnamed && wanted == "" {
			list = append(list, line)
		}
		for _, name := range img.Names {
			line.Repository, line.Tag = splitName(shownName(name))
			if wanted == "" || wanted == line.Repository || wanted == line.Repository+":"+line.Tag {
				list = append(list, line)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b listedImage) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Tag, b.Tag))
	})
	return list
}

// splitName takes a name apart: a digest is no tag.
func splitName(name string) (repository, tag string) {
	if name, _, ok := strings.Cut(name, "@"); ok {
		repository, _ := splitName(name)
		return repository, none
	}
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		return name[:colon], name[colon+1:]
	}
	return name, none
}

// shortID is an id as lists show it.
func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

func (p *program) printImages(out io.Writer, list []listedImage, quiet bool) error {
	switch {
	case p.json:
		return printJSON(out, list)
	case quiet:
		for _, img := range list {
			if _, err := fmt.Fprintln(out, shortID(img.ID)); err != nil {
				return err
			}
		}
		return nil
	}
	rows := [][]string{strings.Split(p.Say("docker.images.head"), "\t")}
	for _, img := range list {
		rows = append(rows, []string{img.Repository, img.Tag, shortID(img.ID), p.time(img.Created), p.bytes(img.Bytes)})
	}
	_, err := io.WriteString(out, terminal.Table(rows))
	return err
}
