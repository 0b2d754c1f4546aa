package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// withoutEcho keeps what is typed off the screen, and returns what ends that.
func (p *plain) withoutEcho() (restore func()) {
	fd := int(p.in.file.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, &silent)
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }
}

// Shell hands the terminal over, or the lines of a file.
func (p *plain) Shell(ctx context.Context, do func(context.Context, flow.Console) error) error {
	p.say("\n")
	if !p.isTerminal {
		return do(ctx, &script{ctx: ctx, plain: p})
	}
	before, err := term.MakeRaw(int(p.in.file.Fd()))
	if err != nil {
		return err
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	defer signal.Stop(resized)
	err = handOver(ctx, p.in, p.out, resized, do)
	return errors.Join(err, term.Restore(int(p.in.file.Fd()), before))
}

// script is a console that is no terminal: lines up to the one that ends the shell.
type script struct {
	ctx   context.Context
	plain *plain
	rest  []byte
	over  bool
}

var _ flow.Console = (*script)(nil)

// Read gives one line at a time. What comes after exit belongs to the next question.
func (s *script) Read(buf []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.over {
			return 0, io.EOF
		}
		text, err := s.plain.nextLine(s.ctx)
		if err != nil {
			return 0, err
		}
		word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		s.over = word == "exit"
		s.rest = []byte(text + "\n")
	}
	n := copy(buf, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) { return s.plain.out.Write(p) }

func (s *script) Interactive() bool { return false }

func (s *script) Size() (columns, rows int) { return 80, 24 }

func (s *script) Resized() <-chan struct{} { return nil }
