// Command tool makes what the template of the virtual machine is for, out of a site's values:
//
//	tool render --site FILE DIRECTORY     for Packer, cloud-init and Aria
//	tool seed   --site FILE SEED.iso      a seed disk for the user of FILE
//	tool ova    --site FILE DISK.qcow2 OUTPUT.ova
//
// It runs from a checkout: go run ./vmtemplate/vm/tool. docs/vm.md says when.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/jrun-hpc/jrun/vmtemplate/vm"
)

const usage = `usage: tool render --site FILE DIRECTORY
       tool seed   --site FILE SEED.iso
       tool ova    --site FILE DISK.qcow2 OUTPUT.ova`

// statusUsage is what a command line that is wrong ends with.
const statusUsage = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, out io.Writer) int {
	wanted := map[string]int{"render": 1, "seed": 1, "ova": 2}
	if len(args) == 0 || wanted[args[0]] == 0 {
		fmt.Fprintln(out, usage)
		return statusUsage
	}
	flags := flag.NewFlagSet("tool", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprintln(out, usage) }
	file := flags.String("site", "vmtemplate/vm/site.toml", "the site's values")
	if err := flags.Parse(args[1:]); err != nil {
		return statusUsage
	}
	if flags.NArg() != wanted[args[0]] {
		fmt.Fprintln(out, usage)
		return statusUsage
	}
	if err := produce(ctx, args[0], *file, flags.Args()); err != nil {
		fmt.Fprintf(out, "tool: %v\n", err)
		return 1
	}
	return 0
}

func produce(ctx context.Context, what, file string, args []string) error {
	site, err := vm.Load(file)
	if err != nil {
		return err
	}
	switch what {
	case "render":
		return site.Render(args[0])
	case "seed":
		return site.Seed(ctx, args[0])
	default:
		return site.OVA(ctx, args[0], args[1])
	}
}
