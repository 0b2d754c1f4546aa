package notice

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/jrun-hpc/jrun/fault"
)

// Check tries the way of letters without sending one: the server takes the connection
// and the password, the command is there, the directory can be written. Errors are
// faults.
func (p *Post) Check(ctx context.Context) error {
	if err := p.way.check(ctx); err != nil {
		return fault.Newf(err, "correct mail in jadm.toml, and try it: jadm mail test ADDRESS", "letters cannot go %s", p.way.describe())
	}
	return nil
}

func (w *smtpWay) check(ctx context.Context) error {
	client, err := w.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.s.Timeout)
	defer cancel()
	if err := client.DialWithContext(ctx); err != nil {
		return err
	}
	return client.Close()
}

func (w *commandWay) check(context.Context) error {
	_, err := exec.LookPath(w.command[0])
	return err
}

func (w *directoryWay) check(context.Context) error {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(w.dir, ".check-")
	if err != nil {
		return fmt.Errorf("writing into %s: %w", w.dir, err)
	}
	_ = f.Close()
	return os.Remove(f.Name())
}
