package notice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
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

// check makes nothing: the directory is made when a letter needs it.
func (w *directoryWay) check(context.Context) error {
	dir := w.dir
	for {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			if err != nil {
				err = fmt.Errorf("writing into %s: %w", dir, err)
			}
			return err
		}
		dir = parent
	}
}
