package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/image/lifecycle/usage"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bundleMakeOptions are the flags of jadm bundle make.
type bundleMakeOptions struct {
	user, name, mail string
	projects         []string
	repositories     []string
	reason           string
	records          string
	pins             []string
	refresh          bool
	jobs             int
	tar              string
}

func (o *bundleMakeOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.user, "user", "u", "", "`ID` of the person whose images they are; without --project their project is bundled, which is called so")
	flags.StringVar(&o.name, "name", "", "the person's `NAME`, for the index")
	flags.StringVar(&o.mail, "mail", "", "the person's `ADDRESS`, for the index")
	flags.StringArrayVarP(&o.projects, "project", "p", nil, "bundle all of `PROJECT` (can be repeated)")
	flags.StringArrayVar(&o.repositories, "repository", nil, "bundle `PROJECT/NAME` (can be repeated)")
	flags.StringVar(&o.reason, "reason", "", "a `SENTENCE` about why, for whoever opens the bundle")
	flags.StringVar(&o.records, "records", "", "`FILE` of provenance records to put in, one a line, as jrun keeps them")
	flags.StringArrayVar(&o.pins, "pin", nil, "a cited `PROJECT/NAME@DIGEST[=WHY]` that must be in it, with or without a tag (can be repeated)")
	flags.BoolVar(&o.refresh, "refresh", false, "look again at what there is, where an interrupted run had looked before")
	flags.IntVarP(&o.jobs, "jobs", "j", bundle.DefaultWorkers, "download `N` blobs at once")
	flags.StringVar(&o.tar, "tar", "", "write the bundle as one `FILE`, too, and FILE.sha256")
}

func (p *program) newBundleMakeCommand() *cobra.Command {
	o := &bundleMakeOptions{}
	c := &cobra.Command{
		Use:   "make {--user ID | --project PROJECT | --repository NAME} DIR",
		Short: "Make a bundle",
		Long: `Copies all images into the new directory DIR, with everything that belongs to them,
and what is cited of them (jadm pins), and reads it back. It is called DIR.partial until
all of it is there and right.

If it is interrupted, run the same command again: it goes on, with the tags as they
were when it was begun. Only this account can read the directory; whoever hands it
over decides who else may.`,
		Example: `  jadm bundle make --user u2026001 /archive/u2026001
  jadm bundle make --project lab-cfd --name "CFD Lab" /archive/lab-cfd --tar /archive/lab-cfd.tar
  jadm bundle make --repository u2026001/solver /tmp/solver`,
		Args: wantArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runBundleMake(cmd, o, args[0]) },
	}
	o.addFlags(c.Flags())
	return c
}

func (p *program) runBundleMake(cmd *cobra.Command, o *bundleMakeOptions, dir string) error {
	r, err := o.request()
	if err != nil {
		return err
	}
	if r.Registry, err = p.registry(); err != nil {
		return err
	}
	if r.Source, err = p.harbor(); err != nil {
		return err
	}
	if err := p.addPins(&r); err != nil {
		return err
	}
	if p.dryRun {
		return p.printContents(cmd, r)
	}
	recorder, err := p.recorder()
	if err != nil {
		return err
	}
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute // for the audit log
	}
	show, end := bundleProgress(cmd.ErrOrStderr())
	r.Progress = show
	var made bundle.Summary
	act := audit.Act{Action: "bundle.make", Subject: r.Owner.ID, Reason: o.reason, Details: map[string]string{"dir": dir, "projects": strings.Join(r.Projects, " "), "repositories": strings.Join(r.Repositories, " ")}}
	err = recorder.Do(act, func() error {
		if made, err = bundle.Make(cmd.Context(), dir, r); err != nil || o.tar == "" {
			return err
		}
		_, err = bundle.WriteTar(cmd.Context(), dir, o.tar)
		return err
	})
	end()
	if err != nil {
		return err
	}
	return p.printSummary(cmd.OutOrStdout(), made, "is whole")
}

// request is what the flags say.
func (o *bundleMakeOptions) request() (bundle.Request, error) {
	r := bundle.Request{
		Projects: o.projects, Repositories: o.repositories, Reason: o.reason, Refresh: o.refresh, Workers: o.jobs,
		Program: "jadm " + version(), Now: clock(), Recipe: recipeFiles,
		Owner: bundle.Owner{ID: o.user, Name: o.name, Mail: o.mail},
	}
	const next = "see 'jadm bundle make --help'"
	if len(r.Projects)+len(r.Repositories) == 0 {
		if o.user == "" {
			return r, fault.New("cannot tell what to bundle", errors.New("neither a user nor a project nor a repository is named"), next)
		}
		r.Projects = []string{strings.ToLower(o.user)} // Harbor has projects in lower case only
	}
	if r.Owner.ID == "" {
		all := append(append([]string{}, o.projects...), o.repositories...)
		r.Owner.ID, _, _ = strings.Cut(all[0], "/")
	}
	for _, text := range o.pins {
		name, why, _ := strings.Cut(text, "=")
		repository, d, ok := strings.Cut(name, "@")
		if !ok || digest.Digest(d).Validate() != nil {
			return r, fault.Newf(errors.New("it is not like PROJECT/NAME@sha256:…"), next, "cannot understand the pin %q", text)
		}
		r.Pins = append(r.Pins, bundle.Pin{Repository: repository, Digest: digest.Digest(d), Reason: why})
	}
	var err error
	if o.records != "" {
		r.Records, err = readRecords(o.records)
	}
	return r, err
}

// addPins adds what is cited of the projects that are asked for, as far as jadm knows: of an
// image whose tag was pushed away nothing else says that it is wanted.
func (p *program) addPins(r *bundle.Request) error {
	dir, err := p.state()
	if err != nil {
		return err
	}
	projects := slices.Clone(r.Projects)
	for _, repository := range r.Repositories {
		project, _, _ := strings.Cut(repository, "/")
		projects = append(projects, project)
	}
	slices.Sort(projects)
	for _, project := range slices.Compact(projects) {
		pins, err := usage.Book{Dir: dir}.PinsOf(project)
		if err != nil {
			return err
		}
		for _, pin := range pins {
			r.Pins = append(r.Pins, bundle.Pin{Repository: project + "/" + pin.Repository, Digest: pin.Digest, Reason: pin.Reason})
		}
	}
	return nil
}

// mostRecords bounds a file of records, in bytes.
const mostRecords = 1 << 30

// readRecords reads records that follow each other, as jrun writes them.
func readRecords(file string) ([]provenance.Record, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.Newf(err, "check the path: ls -l "+file, "cannot read the records in %s", file)
	}
	defer f.Close()
	decoder := json.NewDecoder(io.LimitReader(f, mostRecords))
	var all []provenance.Record
	for {
		var text json.RawMessage
		err := decoder.Decode(&text)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		var r provenance.Record
		if err == nil {
			r, err = provenance.Parse(bytes.TrimSpace(text))
		}
		if err != nil {
			return nil, fault.Newf(err, "give a file of records, one a line", "record %d in %s cannot be read", len(all)+1, file)
		}
		all = append(all, r)
	}
}

// printContents says what would be bundled.
func (p *program) printContents(cmd *cobra.Command, r bundle.Request) error {
	images, err := bundle.List(cmd.Context(), r)
	if err != nil {
		return err
	}
	if p.json {
		return printJSON(cmd.OutOrStdout(), images)
	}
	for _, image := range images {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s\n", printable.Line(image.String()), image.Digest)
	}
	return nil
}

func (p *program) printSummary(out io.Writer, s bundle.Summary, state string) error {
	if p.json {
		return printJSON(out, s)
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		dir = s.Dir
	}
	fmt.Fprintf(out, "%s %s: %d images with %d tags, %d records, %d files with %s\n", dir, state, s.Images, s.Tags, s.Records, s.Files, quantity.Size(s.SizeBytes))
	if s.LeftOut > 0 {
		fmt.Fprintf(out, "left out: %d images without a tag that no record and no pin names\n", s.LeftOut)
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(out, "note: %s\n", printable.Line(w))
	}
	_, err = fmt.Fprintf(out, "its digest: %s\n", s.Digest)
	return err
}
