package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/upload"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
	"golang.org/x/term"
)

// meter shows how far something is: on a terminal in one line that is drawn again,
// elsewhere not at all, so that logs stay readable.
type meter struct {
	p     *program
	out   *os.File // nil: nothing is shown
	drawn time.Time
}

// redrawAfter spares slow lines.
const redrawAfter = 150 * time.Millisecond

func (p *program) newMeter(out io.Writer) *meter {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || p.json {
		file = nil
	}
	return &meter{p: p, out: file}
}

func (m *meter) draw(line func() string) {
	if m.out == nil || time.Since(m.drawn) < redrawAfter {
		return
	}
	m.drawn = time.Now()
	fmt.Fprintf(m.out, "\r\x1b[K%s", line())
}

// end removes the line.
func (m *meter) end() {
	if m.out != nil && !m.drawn.IsZero() {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// fetch shows how much of an image has come.
func (m *meter) fetch(name string) workspace.Progress {
	return func(done, of int64) {
		m.draw(func() string { return m.p.Say("meter.fetching", name, message.Bytes(done), message.Bytes(of)) })
	}
}

// upload shows how far an upload is.
func (m *meter) upload(u upload.Progress) {
	m.draw(func() string {
		if u.ToSend == 0 {
			return m.p.Say("meter.preparing", message.Bytes(u.Compressed))
		}
		return m.p.Say("meter.uploading", message.Bytes(u.Sent), message.Bytes(u.ToSend), message.Bytes(u.Existing+u.Mounted))
	})
}
