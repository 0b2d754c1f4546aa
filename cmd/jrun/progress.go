package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/quantity"
	"github.com/jrun-hpc/jrun/squash/writer"
	"golang.org/x/term"
)

// lineInterval is how often a log gets a line while bytes flow.
const lineInterval = 10 * time.Second

// progress tells a person what takes so long: a bar on a terminal, now and
// then a line in a log. Progress-bar libraries were weighed and left out: their
// initialisation would cost every rank of every job several milliseconds.
type progress struct {
	out      io.Writer
	quiet    bool
	verbose  bool
	terminal bool
	width    int

	beforeConversion func() // may be nil

	name    string
	started time.Time
	shown   image.Phase
	last    time.Time
	stats   image.Stats
	drawn   bool // a bar stands on the current line
}

func newProgress(out *os.File, quiet, verbose bool) *progress {
	p := &progress{out: out, quiet: quiet, verbose: verbose}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil && os.Getenv("TERM") != "dumb" {
		p.terminal, p.width = true, width
	}
	return p
}

func (p *progress) begin(name string) {
	p.name, p.started, p.shown = name, time.Now(), 0
}

// event is image.Progress.
func (p *progress) event(e image.Event) {
	p.stats = e.Stats
	if e.Phase == image.Converting && p.beforeConversion != nil {
		p.beforeConversion()
		p.beforeConversion = nil
	}
	if p.quiet || e.Phase == image.Resolving {
		return
	}
	if p.terminal {
		p.draw(e)
		return
	}
	now := time.Now()
	moves := e.Phase == image.Converting || e.Phase == image.Waiting && e.AllBytes > 0
	if e.Phase == p.shown && (!moves || now.Sub(p.last) < lineInterval) {
		return
	}
	p.shown, p.last = e.Phase, now
	switch e.Phase {
	case image.Converting:
		fmt.Fprintf(p.out, "jrun: converting %s: layer %d of %d, %s of %s\n", p.name, e.Layer, e.Layers, quantity.Size(e.DoneBytes), quantity.Size(e.AllBytes))
	case image.Waiting:
		line := fmt.Sprintf("jrun: %s (%s) that converts %s", e.Phase, e.Other, p.name)
		if e.AllBytes > 0 {
			line += fmt.Sprintf(": %s of %s", quantity.Size(e.DoneBytes), quantity.Size(e.AllBytes))
		}
		fmt.Fprintln(p.out, line)
	default:
		fmt.Fprintf(p.out, "jrun: %s %s\n", e.Phase, p.name)
	}
}

// draw shows an event on the current line.
func (p *progress) draw(e image.Event) {
	if e.Phase != image.Converting && e.Phase != image.Waiting || e.AllBytes <= 0 {
		p.show(fmt.Sprintf("%s %s", e.Phase, p.name))
		return
	}
	what := p.name
	if e.Phase == image.Waiting {
		what += " (by " + e.Other + ")"
	}
	p.bar(e.DoneBytes, e.AllBytes, what)
}

// bar shows how much of something is done; all is not 0.
func (p *progress) bar(done, all int64, what string) {
	const cells = 24
	full := int(min(done, all) * cells / all)
	p.show(fmt.Sprintf("[%s%s] %3d%%  %s of %s  %s", strings.Repeat("=", full), strings.Repeat(" ", cells-full),
		min(done, all)*100/all, quantity.Size(done), quantity.Size(all), what))
}

// show replaces what stands on the current line.
func (p *progress) show(line string) {
	if p.width > 1 && len(line) >= p.width {
		line = line[:p.width-1]
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	p.drawn = true
}

// clear takes away what show has written.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// warn says what a person should know, one line each, also with --quiet.
func (p *progress) warn(text fault.Text) {
	p.clear()
	for i, line := range strings.Split(printable.Text(tongue.Say(text)), "\n") {
		if i == 0 {
			line = "jrun: " + tongue.Say(fault.Say("warning: %s", line))
		} else {
			line = "  " + line
		}
		fmt.Fprintln(p.out, line)
	}
}

// detail says, with --verbose, what nobody needs to act on.
func (p *progress) detail(text string) {
	if p.verbose {
		fmt.Fprintln(p.out, "jrun: "+text)
	}
}

// end clears the bar and says what came of it.
func (p *progress) end(object store.Object, fetched bool, err error) {
	p.clear()
	if err != nil || p.quiet {
		return
	}
	if fetched {
		fmt.Fprintf(p.out, "jrun: fetched %s: %s in %.1f s\n", p.name, quantity.Size(object.Meta.SizeBytes), time.Since(p.started).Seconds())
	}
	if fetched && !writer.CanonicalZstd {
		fmt.Fprintln(p.out, "jrun: this jrun was built without cgo: the file is sound, but its bytes differ from those of other builds")
	}
	if fetched && p.verbose {
		s := p.stats
		fmt.Fprintf(p.out, "jrun: of %d layers %d were there already; fetched %s, re-used %s, compressed %s\n",
			s.Layers, s.ReusedLayers, quantity.Size(s.FetchedBytes), quantity.Size(s.ReusedBytes), quantity.Size(s.CompressedBytes))
	}
	if p.verbose {
		fmt.Fprintf(p.out, "jrun: %s is %s\njrun: its files are in %s\n", p.name, object.Digest, object.Path)
	}
}
