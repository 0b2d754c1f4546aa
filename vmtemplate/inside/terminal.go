package inside

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Size is that of a terminal's window, in characters.
type Size struct{ Rows, Columns uint16 }

// Terminal is where a program's terminal is shown. In is read until the program ends;
// its Read must return an error when Close is called.
type Terminal struct {
	In    io.ReadCloser
	Out   io.Writer
	Size  Size
	Sizes <-chan Size // later sizes; may be nil

	mu     sync.Mutex
	master *os.File // while it is served
}

func (t *Terminal) serves(master *os.File) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.master = master
}

// OwnTerminal is the terminal on which jbuild runs, in raw mode until restore is called.
// What is typed after that is left for others.
func OwnTerminal() (t *Terminal, restore func(), err error) {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	state, err := term.MakeRaw(in)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing the terminal: %w", err)
	}
	keys, err := newKeys(in)
	if err != nil {
		_ = term.Restore(in, state)
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	t = &Terminal{In: keys, Out: os.Stdout, Size: sizeOf(out), Sizes: sizes(ctx, out)}
	return t, func() {
		cancel()
		_ = keys.Close()
		_ = term.Restore(in, state)
	}, nil
}

func sizeOf(fd int) Size {
	ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return Size{Rows: 24, Columns: 80}
	}
	return Size{Rows: ws.Row, Columns: ws.Col}
}

// sizes tells the terminal's size after each change, until ctx ends.
func sizes(ctx context.Context, fd int) <-chan Size {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	out := make(chan Size)
	go func() {
		defer signal.Stop(changed)
		for {
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			select {
			case out <- sizeOf(fd):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// drainFor is how long output is waited for after the program has ended. All of its
// terminal's holders are dead by then, so the end comes at once.
const drainFor = 2 * time.Second

// serving is a program's terminal while it is shown.
type serving struct {
	t      *Terminal
	master *os.File
	output chan struct{} // closed when all output was shown
	ended  chan struct{}
}

func serve(t *Terminal, master *os.File) *serving {
	s := &serving{t: t, master: master, output: make(chan struct{}), ended: make(chan struct{})}
	setSize(master, t.Size)
	t.serves(master)
	go func() { _, _ = io.Copy(master, t.In) }()
	go func() {
		defer close(s.output)
		_, _ = io.Copy(t.Out, master) // EIO when nobody has the terminal open
	}()
	go func() {
		for {
			select {
			case size, ok := <-t.Sizes:
				if !ok {
					return
				}
				setSize(master, size)
			case <-s.ended:
				return
			}
		}
	}()
	return s
}

func setSize(master *os.File, s Size) {
	if raw, err := master.SyscallConn(); err == nil && s != (Size{}) {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: s.Rows, Col: s.Columns})
		})
	}
}

// stop shows what the program wrote last, and lets go of the terminal.
func (s *serving) stop() {
	select {
	case <-s.output:
	case <-time.After(drainFor):
	}
	close(s.ended)
	s.t.serves(nil)
	s.master.Close()
	_ = s.t.In.Close()
}
