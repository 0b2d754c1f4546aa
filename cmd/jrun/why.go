package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/shellword"
	"github.com/spf13/cobra"
)

// whyReport is `jrun why --json`.
type whyReport struct {
	Job    string     `json:"job"`
	Images []whyImage `json:"images"`
}

// whyImage is an image that a job has run, once or several times.
type whyImage struct {
	Image  provenance.Image `json:"image"`
	Why    string           `json:"why"` // in words
	Now    whyNow           `json:"now"`
	Stored whyStored        `json:"stored"`

	Injected []provenance.Injection `json:"injected,omitempty"` // of the first of Runs
	Runs     []int                  `json:"runs"`               // numbers, for --run
	first    provenance.Record      // of Runs
}

// whyNow is what the name stands for at this moment.
type whyNow struct {
	State  string `json:"state"` // same, moved, gone, unknown
	Digest string `json:"digest,omitempty"`
	Words  string `json:"words"`
}

// whyStored is whether the converted image is still there.
type whyStored struct {
	State string `json:"state"` // there, removed, missing, changed
	Path  string `json:"path,omitempty"`
	Words string `json:"words"`
}

func newWhyCommand(g *globalOptions) *cobra.Command {
	var asJSON bool
	var number int
	cmd := &cobra.Command{
		Use:   "why [flags] JOB",
		Short: "Say which image a job ran, and why that one",
		Long: `Say which image a job ran, to the digest, and why that one; what the name stands
for now, which the registry is asked; and whether the image is still in the store.
JOB is an id of jrun history, or the beginning of one.`,
		Example:           "  jrun why 4711\n  jrun why --json 4711.pbs",
		Args:              wantArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: g.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := g.open()
			if err != nil {
				return err
			}
			job, err := s.book().Find(args[0])
			if err != nil {
				return err
			}
			report := whyReport{Job: job.Job, Images: imagesOf(job)}
			if number != 0 {
				if _, err := chooseRun(job, number, "jrun why"); err != nil {
					return err
				}
				report.Images = imagesOf(provenance.Job{Job: job.Job, Runs: job.Runs[number-1 : number]})
				report.Images[0].Runs = []int{number}
			}
			for i := range report.Images {
				report.Images[i].Now = s.standsForNow(cmd.Context(), report.Images[i].Image)
				report.Images[i].Stored = s.stored(report.Images[i].Image)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return report.print(cmd.OutOrStdout(), time.Local)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&number, "run", 0, "only of the job's run `N`")
	return cmd
}

// imagesOf puts the runs of one image together.
func imagesOf(job provenance.Job) []whyImage {
	list := []whyImage{}
	at := map[string]int{}
	for i, r := range job.Runs {
		key := fmt.Sprint(r.Image.Reference, r.Image.Digest, r.Image.File)
		n, known := at[key]
		if !known {
			n = len(list)
			at[key] = n
			list = append(list, whyImage{Image: r.Image, Why: because(r), Injected: r.Injected, first: r})
		}
		list[n].Runs = append(list[n].Runs, i+1)
	}
	return list
}

// because says in words why a run used the digest that it did.
func because(r provenance.Record) string {
	how := image.How(r.Image.How)
	if how == image.FromJob {
		return "settled earlier in the job: " + becauseOf(r, image.How(r.Image.SettledBy))
	}
	return becauseOf(r, how)
}

func becauseOf(r provenance.Record, how image.How) string {
	said := r.Image.Answered.UTC().Format(time.RFC3339)
	before := ago(r.Started.Sub(r.Image.Answered))
	ref, err := image.ParseReference(r.Image.Reference)
	byDigest := err == nil && ref.Digest() != ""
	switch {
	case how == image.FromRegistry && byDigest:
		return fmt.Sprintf("the name itself has the digest; the registry said at %s, asked for this job, that you may have it", said)
	case how == image.FromRegistry:
		return fmt.Sprintf("the registry said so at %s, asked for this job", said)
	case how == image.FromOffline:
		return fmt.Sprintf("the registry could not be reached; its answer of %s before counted (%s)", before, said)
	case how == image.FromStore && r.Image.Pull != "":
		return fmt.Sprintf("the registry was not asked, because of --pull=%s; its answer of %s before counted (%s)", r.Image.Pull, before, said)
	case how == image.FromStore:
		return "it was reproduced from the store, where it was kept"
	case how == image.FromFile && r.Image.Source == provenance.FromFile:
		return "it is a file, and what was in it then was run"
	case how == image.FromFile:
		return "the layout or archive said so at " + said
	}
	return "it is not known how it was found out"
}

// ago writes a length of time in the unit that fits.
func ago(d time.Duration) string {
	switch {
	case d >= time.Second && d < 2*time.Second:
		return "1 second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", max(int(d.Seconds()), 0))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// whyPatience is how long a person waits for what is only the last line but one.
var whyPatience = 30 * time.Second

// standsForNow asks what the name of an image stands for at this moment, for
// nobody's job.
func (s *session) standsForNow(ctx context.Context, was provenance.Image) whyNow {
	if was.Source == provenance.FromFile {
		return whyNow{State: "unknown", Words: "a file has no name that could move"}
	}
	options := s.clientOptions
	options.Job, options.Pull = "", image.PullAlways
	ref, err := image.ParseReference(was.Reference)
	var r image.Resolved
	if err == nil {
		asking, stop := context.WithTimeout(ctx, whyPatience)
		defer stop()
		r, err = image.NewClient(options).Resolve(asking, s.store, ref)
		if asking.Err() != nil && ctx.Err() == nil {
			return whyNow{State: "unknown", Words: fmt.Sprintf("the registry has not answered within %s", whyPatience)}
		}
	}
	var status *image.StatusError
	var down *image.UnreachableError
	switch {
	case errors.As(err, &status) && status.Status == http.StatusNotFound:
		return whyNow{State: "gone", Words: "the registry does not have it any more"}
	case errors.As(err, &down):
		return whyNow{State: "unknown", Words: "the registry cannot tell: " + oneLine(err)}
	case err != nil && ref.Kind() == image.Registry:
		return whyNow{State: "unknown", Words: "the registry does not say: " + oneLine(err)}
	case err != nil:
		return whyNow{State: "gone", Words: "it cannot be read any more: " + oneLine(err)}
	case r.Digest == was.Resolved && ref.Digest() != "":
		return whyNow{State: "same", Digest: r.Digest.String(), Words: "the registry still has it, and you may have it"}
	case r.Digest == was.Resolved:
		return whyNow{State: "same", Digest: r.Digest.String(), Words: "the name still stands for the same"}
	}
	return whyNow{State: "moved", Digest: r.Digest.String(), Words: "the name has moved; it stands for " + r.Digest.String()}
}

// oneLine is what happened, and why, without advice.
func oneLine(err error) string {
	text := err.Error()
	var f *fault.Error
	if errors.As(err, &f) {
		text = f.Error()
	}
	return printable.Line(text)
}

// stored looks for the converted image.
func (s *session) stored(was provenance.Image) whyStored {
	if f := was.File; f != nil {
		return storedFile(*f)
	}
	place := store.Place{}
	if ref, err := image.ParseReference(was.Reference); err == nil {
		place = image.PlaceOf(ref)
	}
	object, err := s.store.Find(place, was.Digest)
	if err == nil {
		words := "it is in the store: " + object.Path
		if object.Site {
			words = "it is in the site's part of the store: " + object.Path
		}
		return whyStored{State: "there", Path: object.Path, Words: words}
	}
	deleted, _ := s.store.Deleted() // what cannot be read cannot be had back
	for _, d := range deleted {
		if d.Digest == was.Digest {
			return whyStored{State: "removed", Words: "it was removed and can be had back: jrun gc --undelete " + was.Digest.String()}
		}
	}
	return whyStored{State: "missing", Words: "it is not in the store"}
}

func storedFile(was provenance.File) whyStored {
	switch same, there := was.Unchanged(); {
	case !there:
		return whyStored{State: "missing", Words: "the file is not there any more: " + was.Path}
	case !same:
		return whyStored{State: "changed", Path: was.Path, Words: "the file has been changed since: " + was.Path}
	}
	return whyStored{State: "there", Path: was.Path, Words: "the file is there, unchanged: " + was.Path}
}

func (w whyReport) print(out io.Writer, zone *time.Location) error {
	for n, i := range w.Images {
		if n > 0 {
			fmt.Fprintln(out)
		}
		r := i.first
		command := commandOf(r)
		if n := len(i.Runs) - 1; n > 0 {
			command += fmt.Sprintf(" (and %d more; jrun history --json has all)", n)
		}
		lines := [][2]string{
			{"job", fmt.Sprintf("%s, run %d, %s on %s", shellword.Show(w.Job), i.Runs[0], r.Started.In(zone).Format(time.DateTime), shellword.Show(r.Host))},
			{"command", command},
			{"image", shellword.Show(i.Image.Name)},
			{"digest", digestLine(i.Image)},
			{"why", i.Why},
			{"now", i.Now.Words},
			{"store", i.Stored.Words},
		}
		for n, line := range injectedLines(i.Injected) {
			lines = append(lines, [2]string{[]string{"host", ""}[min(n, 1)], line})
		}
		for _, line := range lines {
			if _, err := fmt.Fprintf(out, "%-9s%s\n", line[0], line[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

func digestLine(i provenance.Image) string {
	switch {
	case i.Digest == "":
		return "none is known of this file"
	case i.Resolved != "" && i.Resolved != i.Digest:
		return fmt.Sprintf("%s, for this machine out of %s", i.Digest, i.Resolved)
	}
	return i.Digest.String()
}
