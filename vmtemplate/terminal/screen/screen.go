// Package screen is a terminal for tests: it types into a program and reads what the
// program draws.
//
//	s := screen.New(t, 80, 24)
//	s.Start(exec.Command("jbuild"))
//	s.Wait("What would you like to do?")
//	s.Press("down", "enter")
//	s.Golden("testdata/screens/en/80x24/02-base.txt")
//
// The terminal is a pty; its other side is an emulator (charmbracelet/x/vt, with what it
// lacks of wide characters: see feed). Tests are not timed: Wait and Golden read on until
// what they want is there, and fail after a time in which it would have come.
package screen

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// patience is how long a screen is waited for. It is a limit for a machine that is
// very busy, not an expectation.
const patience = 20 * time.Second

// Screen is a terminal and what is on it.
type Screen struct {
	// Patience is how long Wait and Golden read on. Programs that fetch and install
	// need more than what New sets.
	Patience time.Duration
	// Mask replaces, in what Golden compares and writes, what differs each time: dates,
	// ports, sizes.
	Mask func(string) string

	t            testing.TB
	master, line *os.File

	mu      sync.Mutex
	vt      *vt.Emulator
	bytes   int64
	raw     []byte // the last of what was written
	changed time.Time
	state   byte   // of the decoder of sequences
	partial []byte // the beginning of a character
	atEnd   bool   // a wide character ends the line; the next goes to the next line
}

// New makes a terminal. It is closed at the end of the test.
func New(t testing.TB, columns, rows int) *Screen {
	t.Helper()
	master, line, err := pty.Open()
	if err != nil {
		t.Fatalf("opening a terminal: %v", err)
	}
	if master, err = pollable(master); err != nil {
		t.Fatalf("opening a terminal: %v", err)
	}
	s := &Screen{
		Patience: patience, Mask: func(text string) string { return text },
		t: t, master: master, line: line, vt: vt.NewEmulator(columns, rows), changed: time.Now(),
	}
	s.setSize(columns, rows)
	go s.read()
	go s.answer()
	t.Cleanup(func() {
		// vt.Close would race with Read, which only this ends.
		if pipe, ok := s.vt.InputPipe().(io.Closer); ok {
			_ = pipe.Close()
		}
		line.Close()
		master.Close()
	})
	return s
}

// pollable makes a file whose reads end when it is closed; asking a file for its
// descriptor, which package pty does, has made it one whose reads do not.
func pollable(file *os.File) (*os.File, error) {
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}

func (s *Screen) setSize(columns, rows int) {
	s.t.Helper()
	conn, err := s.master.SyscallConn()
	if err == nil {
		err = conn.Control(func(fd uintptr) {
			if failed := unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}); failed != nil {
				s.t.Errorf("setting the terminal's size: %v", failed)
			}
		})
	}
	if err != nil {
		s.t.Errorf("setting the terminal's size: %v", err)
	}
}

// mostRaw is how much Raw remembers.
const mostRaw = 1 << 16

func (s *Screen) read() {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.master.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.feed(buf[:n])
		s.bytes += int64(n)
		s.raw = append(s.raw, buf[:n]...)
		s.raw = s.raw[max(len(s.raw)-mostRaw, 0):]
		s.changed = time.Now()
		s.mu.Unlock()
	}
}

// answer sends what the emulator answers to questions of the program.
func (s *Screen) answer() {
	buf := make([]byte, 4096)
	for {
		n, err := s.vt.Read(buf)
		if err != nil {
			return
		}
		_, _ = s.master.Write(buf[:n])
	}
}

// Line is the program's side of the terminal.
func (s *Screen) Line() *os.File { return s.line }

// Start starts a program on the terminal, as its controlling terminal, and as the user
// of its credential, if it has one.
func (s *Screen) Start(cmd *exec.Cmd) {
	s.t.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.line, s.line, s.line
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("starting %s: %v", cmd.Path, err)
	}
}

// Text is what is on the screen, without blanks at the ends of lines and without empty lines
// at the end.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text()
}

func (s *Screen) text() string {
	var b strings.Builder
	for y := range s.vt.Height() {
		b.WriteString(s.row(y) + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// row is one line of the screen. The second half of a wide character is a cell
// without content.
func (s *Screen) row(y int) string {
	var b strings.Builder
	for x := 0; x < s.vt.Width(); {
		c := s.vt.CellAt(x, y)
		if c == nil || c.Content == "" {
			b.WriteByte(' ')
			x++
			continue
		}
		b.WriteString(c.Content)
		x += max(c.Width, 1)
	}
	return strings.TrimRight(b.String(), " ")
}

// History is what has scrolled off the screen, and the screen.
func (s *Screen) History() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for y := range s.vt.ScrollbackLen() {
		for x := 0; x < s.vt.Width(); {
			c := s.vt.ScrollbackCellAt(x, y)
			if c == nil || c.Content == "" {
				b.WriteByte(' ')
				x++
				continue
			}
			b.WriteString(c.Content)
			x += max(c.Width, 1)
		}
		b.WriteByte('\n')
	}
	return b.String() + s.text()
}

// Cursor is where the cursor is, and whether it is seen.
func (s *Screen) Cursor() (column, row int, visible bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.vt.CursorPosition()
	return at.X, at.Y, !s.vt.CursorHidden()
}

// Bytes is how much the program has written.
func (s *Screen) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Raw is the last of what the program has written.
func (s *Screen) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.raw)
}

// keys are what terminals send.
var keys = map[string]string{
	"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "enter": "\r", "esc": "\x1b", "tab": "\t",
	"backspace": "\x7f", "delete": "\x1b[3~", "home": "\x1b[H", "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
	"ctrl+c": "\x03", "ctrl+d": "\x04", "ctrl+u": "\x15", "ctrl+w": "\x17",
}

// Press presses keys by their names.
func (s *Screen) Press(names ...string) {
	s.t.Helper()
	for _, name := range names {
		sequence, known := keys[name]
		if !known {
			s.t.Fatalf("there is no key %q", name)
		}
		s.Type(sequence)
	}
}

// Type types text.
func (s *Screen) Type(text string) {
	s.t.Helper()
	s.mu.Lock()
	s.changed = time.Now() // what was typed is going to change the screen
	s.mu.Unlock()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatalf("typing %q: %v", text, err)
	}
}

// Resize changes the terminal's size. A program of this process is told by a signal; one
// that was started the kernel tells.
func (s *Screen) Resize(columns, rows int) {
	s.t.Helper()
	s.mu.Lock()
	s.vt.Resize(columns, rows)
	s.mu.Unlock()
	s.setSize(columns, rows)
	_ = syscall.Kill(os.Getpid(), syscall.SIGWINCH)
}

// Hang takes the terminal away, as when the line of an ssh breaks.
func (s *Screen) Hang() { s.master.Close() }

// Wait reads until all texts are on the screen. Where their lines are broken does not
// matter.
func (s *Screen) Wait(texts ...string) {
	s.t.Helper()
	s.until(func(screen string) string {
		for _, text := range texts {
			if !strings.Contains(squeeze(screen), squeeze(text)) {
				return fmt.Sprintf("%q is not on the screen", text)
			}
		}
		return ""
	})
}

// WaitGone reads until a text is not on the screen any more.
func (s *Screen) WaitGone(text string) {
	s.t.Helper()
	s.until(func(screen string) string {
		if strings.Contains(squeeze(screen), squeeze(text)) {
			return fmt.Sprintf("%q is still on the screen", text)
		}
		return ""
	})
}

// squeeze takes all blanks out.
func squeeze(text string) string { return strings.Join(strings.Fields(text), "") }

// Until reads until missing has nothing to say any more.
func (s *Screen) Until(missing func() string) {
	s.t.Helper()
	s.until(func(string) string { return missing() })
}

// until reads until missing has nothing to say.
func (s *Screen) until(missing func(screen string) string) {
	s.t.Helper()
	for end := time.Now().Add(s.Patience); ; time.Sleep(5 * time.Millisecond) {
		screen := s.Text()
		why := missing(screen)
		if why == "" {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s:\n%s", why, screen)
		}
	}
}
