package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// prompt asks a person on their terminal.
type prompt struct {
	in  *os.File
	out io.Writer
	own bool // in is to be closed
}

// openPrompt finds the terminal: that of the session, or in if it is one.
func openPrompt(in io.Reader) (*prompt, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err == nil {
		return &prompt{in: tty, out: tty, own: true}, nil
	}
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &prompt{in: file, out: os.Stderr}, nil
	}
	return nil, fault.Because("there is no terminal")
}

func (p *prompt) close() {
	if p.own {
		p.in.Close()
	}
}

// user asks for a name; an empty answer takes the proposal.
func (p *prompt) user(ctx context.Context, proposal string) (string, error) {
	if proposal != "" {
		fmt.Fprintf(p.out, "User [%s]: ", proposal)
	} else {
		fmt.Fprint(p.out, "User: ")
	}
	answer, err := p.read(ctx, func() (string, error) { return readLine(p.in) })
	if answer = strings.TrimSpace(answer); answer == "" {
		answer = proposal
	}
	return answer, err
}

// password asks for something that is not shown. However it ends, the terminal
// shows again what is typed. term.ReadPassword would turn that off after the
// question, when the first letters may have come, and in a goroutine, which may be
// late when the person gives up.
func (p *prompt) password(ctx context.Context, question string) (string, error) {
	fd := int(p.in.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("asking the terminal: %w", err)
	}
	// These would leave the terminal silent; SIGINT and others end ctx.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGQUIT, syscall.SIGTSTP)
	defer signal.Stop(ignored)
	silent := *before
	silent.Lflag = silent.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return "", fmt.Errorf("silencing the terminal: %w", err)
	}
	defer func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }() // the terminal may have gone
	fmt.Fprint(p.out, question)
	answer, err := p.read(ctx, func() (string, error) { return readLine(p.in) })
	if ctx.Err() == nil {
		fmt.Fprintln(p.out)
	}
	return answer, err
}

// read returns when the person has answered or ctx has ended.
func (p *prompt) read(ctx context.Context, answer func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	answered := make(chan result, 1)
	go func() {
		text, err := answer()
		answered <- result{text, err}
	}()
	select {
	case r := <-answered:
		if r.err != nil && ctx.Err() == nil {
			return "", fault.New("no answer was given", r.err, "try again")
		}
		return r.text, ctx.Err()
	case <-ctx.Done():
		fmt.Fprintln(p.out)
		return "", context.Cause(ctx)
	}
}

// readLine reads to the end of a line and not beyond.
func readLine(in io.Reader) (string, error) {
	var line []byte
	b := make([]byte, 1)
	for {
		n, err := in.Read(b)
		if n > 0 && b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[:n]...)
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return string(line), nil
			}
			return "", err
		}
	}
}
