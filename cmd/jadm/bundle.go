package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const bundleLong = `A bundle is a directory with all images of a person, for the day when neither the
registry nor the account is there any more: an OCI image layout, how the images were
made, what was run with them, and sums of everything. It is a BagIt bag with an
RO-Crate; data/README.html in it explains it to whoever finds it.

show, verify and run need neither Harbor nor jadm.toml.`

func (p *program) newBundleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Give people their images back, as files",
		Long:  bundleLong,
		Example: `  jadm bundle make --user u2026001 /archive/u2026001
  jadm bundle verify /archive/u2026001
  jadm bundle run /archive/u2026001 solver:2.0 ./solve in.dat`,
		Args: wantArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(p.newBundleMakeCommand(), p.newBundleVerifyCommand(), p.newBundleShowCommand(), p.newBundleRunCommand(), p.newBundleRestoreCommand())
	return c
}

// registry moves images, as the administrator of the site's Harbor.
func (p *program) registry() (*bundle.Registry, error) {
	s, password, client, err := p.administrator()
	if err != nil {
		return nil, err
	}
	return bundle.NewRegistry(bundle.RegistryOptions{Base: s.Harbor.Base(), HTTP: client, User: s.Harbor.User, Password: password, UserAgent: "jadm/" + version()}), nil
}

// bundleProgress shows how far a bundle is: on a terminal as one line that changes,
// elsewhere as a line for each stage.
func bundleProgress(out io.Writer) (show func(bundle.Progress), end func()) {
	file, isFile := out.(*os.File)
	terminal := isFile && term.IsTerminal(int(file.Fd()))
	var lock sync.Mutex
	var last string
	show = func(p bundle.Progress) {
		lock.Lock()
		defer lock.Unlock()
		line := string(p.Stage)
		if terminal && p.TotalBytes > 0 {
			line += fmt.Sprintf(" %d%% of %s", p.DoneBytes*100/p.TotalBytes, quantity.Size(p.TotalBytes))
		} else if terminal && p.DoneBytes > 0 {
			line += " " + quantity.Size(p.DoneBytes)
		}
		if line == last {
			return
		}
		last = line
		if terminal {
			fmt.Fprintf(out, "\r\x1b[K%s", line)
		} else {
			fmt.Fprintf(out, "jadm: %s\n", line)
		}
	}
	return show, func() {
		lock.Lock()
		defer lock.Unlock()
		if terminal && last != "" {
			fmt.Fprint(out, "\r\x1b[K")
		}
		last = ""
	}
}
