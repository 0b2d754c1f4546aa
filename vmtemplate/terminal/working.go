package terminal

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// workDraw is how often progress is drawn; more would only fill a slow line.
const workDraw = 250 * time.Millisecond

// working is something that takes time.
type working struct {
	printer *message.Printer
	title   message.Text

	mu   sync.Mutex
	now  flow.Progress
	stop bool
}

func newWorking(p *message.Printer, title message.Text) *working {
	return &working{printer: p, title: title}
}

func (w *working) report(p flow.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = p
}

func (w *working) stopping() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = true
}

func (w *working) events() <-chan func() (bool, error) { return nil }

func (w *working) key(key) (bool, error) { return false, nil }

func (w *working) draw(columns, rows int) ([]line, cursor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	title := text(w.printer.Text(w.title)+" ...", columns, margin, strong)
	var bar, numbers, phase []line
	if w.now.All > 0 {
		bar = []line{progressBar(w.now, min(columns-1-2*margin, 60))}
		numbers = text(w.numbers(), columns, margin, normal)
	}
	if !w.now.Phase.Empty() {
		phase = text(w.printer.Text(w.now.Phase), columns, margin, normal)
	}
	keys := text(w.printer.Say("terminal.keys.work"), columns, margin, faint)
	if w.stop {
		keys = text(w.printer.Say("terminal.stopping"), columns, margin, faint)
	}
	lines, _ := stack(rows,
		part{blank, 2}, part{title, 0}, part{blank, 1}, part{bar, 0}, part{numbers, 4}, part{phase, 3}, part{blank, 1}, part{keys, 0})
	return lines, cursor{row: len(lines) - 1}
}

// progressBar is drawn with letters: blocks are of ambiguous width. What is there already
// looks different from what was sent.
func progressBar(p flow.Progress, columns int) line {
	percent := fmt.Sprintf(" %3d %%", min(p.Done, p.All)*100/p.All)
	room := int64(max(columns-len(percent)-2, 4))
	there := room * min(p.There, p.All) / p.All
	done := room * min(p.Done, p.All) / p.All
	there = min(there, done)
	return join(blanks(margin), cut("[", faint),
		cut(strings.Repeat("=", int(there)), normal), cut(strings.Repeat("#", int(done-there)), good), cut(strings.Repeat(".", int(room-done)), faint),
		cut("]", faint), cut(percent, strong))
}

func (w *working) numbers() string { return progressNumbers(w.printer, w.now) }

// progressNumbers is how much, how fast, and how long still.
func progressNumbers(p *message.Printer, now flow.Progress) string {
	words := []string{p.Say("terminal.progress", message.Bytes(now.Done), message.Bytes(now.All))}
	if now.There > 0 {
		words = append(words, p.Say("terminal.progress.there", message.Bytes(now.There)))
	}
	if now.Rate > 0 {
		words = append(words, p.Say("terminal.progress.rate", message.Bytes(now.Rate)))
	}
	if now.Left > 0 {
		words = append(words, left(p, now.Left))
	}
	return strings.Join(words, "   ")
}

// left is a time that remains, as exactly as it can be known.
func left(p *message.Printer, d time.Duration) string {
	if d < 100*time.Second {
		return p.Say("terminal.progress.seconds", int(d.Seconds()))
	}
	return p.Say("terminal.progress.minutes", int((d + time.Minute/2).Minutes()))
}
