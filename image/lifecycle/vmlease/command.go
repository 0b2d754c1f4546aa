package vmlease

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// arguments fills a lease into a command. No shell reads them; but what begins with a
// dash would be an option to the program, so that names which do are refused.
func arguments(command []string, l Lease, until time.Time) ([]string, error) {
	for _, name := range []string{l.VM, l.Owner} {
		if strings.HasPrefix(name, "-") {
			return nil, fmt.Errorf("%q looks like an option of the command", name)
		}
	}
	fill := strings.NewReplacer("{vm}", l.VM, "{owner}", l.Owner, "{ends}", l.Ends.UTC().Format(time.RFC3339), "{until}", until.UTC().Format(time.RFC3339))
	argv := make([]string, len(command))
	for i, a := range command {
		argv[i] = fill.Replace(a)
		if i == 0 {
			argv[i] = a
		}
	}
	return argv, nil
}

// Bounds of a site's command.
const (
	commandTime   = 2 * time.Minute
	commandOutput = 2 << 10
)

// runCommand runs a site's command. What it says is part of the error when it fails.
func runCommand(ctx context.Context, argv []string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	var said beginning
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil && said.kept.Len() > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.kept.String()))
	}
	return err
}

// beginning keeps what is written to it first. The buffer is no part of its methods:
// io.Copy would use its ReadFrom, which keeps all.
type beginning struct{ kept bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), commandOutput-b.kept.Len())])
	return len(p), nil
}
