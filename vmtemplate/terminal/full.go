package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// full is the face on a terminal that can move its cursor.
type full struct {
	in      *input
	out     *os.File
	printer *message.Printer
	before  *term.State // of the terminal, for the end
	resized chan os.Signal
	frame   *frame
	rows    int
	done    string // the mark of what is done
	inList  bool   // the last line on the screen is an answer: the next may stand right below

	typed   chan key
	stop    context.CancelFunc // of the goroutine that reads keys
	stopped chan struct{}
}

var _ Terminal = (*full)(nil)

// escapeWait is how long the rest of a control sequence may be under way before an ESC
// is the key Esc.
const escapeWait = 100 * time.Millisecond

// Modes of the terminal while we read: pasted text is marked (xterm, mode 2004).
const (
	modesOn  = "\x1b[?2004h"
	modesOff = "\x1b[?2004l"
	// What programs in a shell may have left behind: a soft reset (DECSTR), the mouse.
	modesReset = "\x1b[!p\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h"
)

func openFull(o Options, in *input) (*full, error) {
	before, err := term.MakeRaw(int(o.In.Fd()))
	if err != nil {
		return nil, err
	}
	f := &full{in: in, out: o.Out, printer: o.Printer, before: before, resized: make(chan os.Signal, 1)}
	signal.Notify(f.resized, unix.SIGWINCH)
	f.frame = &frame{out: o.Out, color: o.Getenv("NO_COLOR") == ""}
	f.frame.columns, f.rows = f.size()
	f.done = doneMark(o.Getenv)
	_, _ = io.WriteString(f.out, modesOn)
	f.startReading()
	return f, nil
}

// doneMark is a check mark where the terminal has one: not on the Linux console, and
// not in another encoding.
func doneMark(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			utf8 := strings.HasSuffix(value, "utf-8") || strings.HasSuffix(value, "utf8")
			if utf8 && getenv("TERM") != "linux" {
				return "\u2713 "
			}
			break
		}
	}
	return "* "
}

// Close gives the terminal back.
func (f *full) Close() error {
	f.stopReading()
	signal.Stop(f.resized)
	f.frame.close()
	_, _ = io.WriteString(f.out, modesOff)
	f.in.close()
	return term.Restore(int(f.in.file.Fd()), f.before)
}

func (f *full) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(f.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

func (f *full) startReading() {
	ctx, stop := context.WithCancel(context.Background())
	f.typed, f.stop, f.stopped = make(chan key, 256), stop, make(chan struct{})
	go f.read(ctx, f.typed, f.stopped)
}

// stopReading returns when nobody reads the terminal any more.
func (f *full) stopReading() {
	f.stop()
	<-f.stopped
}

// read makes keys of bytes until its context ends or the terminal is gone; then keys
// is closed.
func (f *full) read(ctx context.Context, keys chan<- key, stopped chan<- struct{}) {
	defer close(stopped)
	var pending []byte
	buf := make([]byte, 4096)
	for {
		wait := time.Duration(0)
		if len(pending) > 0 {
			wait = escapeWait
		}
		n, err := f.in.read(ctx, buf, wait)
		if err != nil {
			if ctx.Err() == nil {
				close(keys)
			}
			return
		}
		pending = append(pending, buf[:n]...)
		for {
			k, used := decode(pending, n == 0)
			if used == 0 {
				break
			}
			pending = pending[used:]
			if k.name == "" {
				continue
			}
			select {
			case keys <- k:
			case <-ctx.Done():
				return
			}
		}
	}
}

// widget is a question that is open.
type widget interface {
	// draw is its lines in a frame of some columns and at most so many rows.
	draw(columns, rows int) ([]line, cursor)
	// key takes what is typed; done when there is an answer.
	key(k key) (done bool, err error)
	// events brings what happens without keys, as functions to be called; may be nil.
	events() <-chan func() (done bool, err error)
}

// ask runs a widget until it is answered, and takes it off the screen.
func (f *full) ask(ctx context.Context, w widget) error {
	for {
		f.draw(w)
		done, err := f.wait(ctx, w)
		for err == nil && !done && len(f.typed) > 0 { // what was pasted is drawn once
			done, err = f.wait(ctx, w)
		}
		if done || err != nil {
			f.frame.leave()
			return err
		}
	}
}

func (f *full) draw(w widget) {
	lines, at := w.draw(f.frame.columns, max(f.rows-1, 3))
	f.frame.show(lines, at)
}

// wait takes the next thing that happens.
func (f *full) wait(ctx context.Context, w widget) (bool, error) {
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-f.resized:
		f.resize()
	case do := <-w.events():
		return do()
	case k, open := <-f.typed:
		switch {
		case !open:
			return false, flow.ErrFaceGone
		case k.name == "ctrl+c":
			return false, flow.ErrInterrupted
		}
		return w.key(k)
	}
	return false, nil
}

func (f *full) resize() {
	var columns int
	columns, f.rows = f.size()
	f.frame.resize(columns)
}

// Work shows how far do is. It waits a moment before it draws, because most work is
// done by then.
func (f *full) Work(ctx context.Context, title message.Text, do func(context.Context, func(flow.Progress)) error) error {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	w := newWorking(f.printer, title)
	finished := make(chan error, 1)
	go func() { finished <- do(working, w.report) }()
	tick := time.NewTicker(workDraw)
	defer tick.Stop()
	interrupted := false
	for {
		select {
		case err := <-finished:
			f.frame.leave()
			switch {
			case interrupted && err != nil:
				return flow.ErrInterrupted
			case ctx.Err() != nil:
				return ctx.Err()
			}
			return err
		case <-tick.C:
			f.draw(w)
		case <-f.resized:
			f.resize()
		case k, open := <-f.typed:
			if !open {
				cancel() // the terminal is gone, and with it whoever waits for this
				err := <-finished
				return errors.Join(flow.ErrFaceGone, err)
			}
			if k.name == "ctrl+c" {
				interrupted = true
				w.stopping()
				cancel()
			}
		}
	}
}
