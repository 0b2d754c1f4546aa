package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// browsers are programs that open the browser that the user likes.
var browsers = []string{"xdg-open", "sensible-browser", "x-www-browser", "open"}

// openWhenThere opens the page of the server that this command is starting.
func (p *program) openWhenThere(ctx context.Context, c control) {
	l, err := c.await(ctx)
	if err == nil {
		err = openBrowser(ctx, l)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprint(os.Stderr, p.Format("jbuild", err))
	}
}

// readWithin is how long a browser may take to read the file with the link.
const readWithin = 10 * time.Second

// openBrowser opens a link without naming it in a command line, which all users of the
// machine can see: the browser gets a file that leads there.
func openBrowser(ctx context.Context, l link) error {
	program := os.Getenv("BROWSER")
	for i := 0; program == "" && i < len(browsers); i++ {
		if path, err := exec.LookPath(browsers[i]); err == nil {
			program = path
		}
	}
	if program == "" {
		return message.Fail(message.Of("web.no-browser"), nil, message.Of("web.no-browser.next"))
	}
	dir, err := workspace.RunDir()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "open-*.html") // 0600
	if err != nil {
		return fmt.Errorf("opening a browser: %w", err)
	}
	_, err = fmt.Fprintf(f, "<!doctype html>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"0; url=%s\">\n<title>jbuild</title>\n", html.EscapeString(l.String()))
	if err = errors.Join(err, f.Close()); err == nil {
		err = exec.CommandContext(context.WithoutCancel(ctx), program, f.Name()).Start()
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return message.Fail(message.Of("web.no-browser"), err, message.Of("web.no-browser.next"))
	}
	select {
	case <-time.After(readWithin):
	case <-ctx.Done():
	}
	_ = os.Remove(f.Name())
	return nil
}
