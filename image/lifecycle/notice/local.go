package notice

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	gomail "github.com/wneessen/go-mail"
)

// commandWay gives letters to a program such as sendmail -t, which reads who gets them
// from their headers.
type commandWay struct {
	command []string
	timeout time.Duration
}

func (w *commandWay) describe() string { return "by the command " + w.command[0] }

func (w *commandWay) send(ctx context.Context, m message) error {
	content, err := m.bytes(gomail.EncodingQP)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.command[0], w.command[1:]...)
	cmd.Stdin = bytes.NewReader(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))) // as a pipe's
	said := &beginning{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", w.command[0], err, oneLine(said.String()))
	}
	return nil
}

// beginning keeps the first bytes of what a program says.
type beginning struct{ strings.Builder }

func (b *beginning) Write(p []byte) (int, error) {
	const most = 4096
	b.Builder.Write(p[:min(len(p), max(0, most-b.Len()))])
	return len(p), nil
}

// directoryWay makes files of letters, one for each key.
type directoryWay struct{ dir string }

func (w *directoryWay) describe() string { return "into the directory " + w.dir }

func (w *directoryWay) send(_ context.Context, m message) error {
	content, err := m.bytes(gomail.NoEncoding) // which people can read
	if err != nil {
		return err
	}
	name := url.QueryEscape(documentName(m.key)) // as package state does
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	if err := state.WriteFile(filepath.Join(w.dir, name+".eml"), content, 0o600); err != nil {
		return fault.Newf(err, "make the directory, for the account that runs jadm; or correct mail.directory in jadm.toml", "cannot write a letter into %s", w.dir)
	}
	return nil
}
