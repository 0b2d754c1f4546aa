package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/runtime/launch"
)

// Options say how a trial runs.
type Options struct {
	Name  string   // of the workspace or image, for people
	Args  []string // the command; empty: the image's own
	Shell bool     // a shell instead
	Binds []string // as jrun --bind
	GPU   string
	MPI   string
	Words []string // see launch.Options.Words
	Warn  func(fault.Text)
}

// Run becomes the program, in the image that Make has written. It returns only if that
// failed; then the error is one of package launch, for people.
func Run(ctx context.Context, stem string, o Options) error {
	raw, err := os.ReadFile(stem + metaSuffix)
	if err != nil {
		return fmt.Errorf("reading what the image is: %w", err)
	}
	var m meta
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("reading what the image is: %w", err)
	}
	image, err := os.Open(stem + imageSuffix)
	if err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	return launch.Run(ctx, launch.Options{
		Image: image, Path: stem + imageSuffix, Name: o.Name, Config: m.Config,
		Args: o.Args, Shell: o.Shell, Binds: slices.Clone(o.Binds), GPU: o.GPU, MPI: o.MPI, Words: o.Words, Warn: o.Warn,
	})
}
