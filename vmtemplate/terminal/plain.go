package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/printable"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// plain is the face of lines: questions are numbered, answers are lines.
type plain struct {
	in         *input
	out        *os.File
	printer    *message.Printer
	isTerminal bool // somebody types
	pending    []byte
	ended      bool
}

var _ Terminal = (*plain)(nil)

// Close does what there is to do.
func (p *plain) Close() error {
	p.in.close()
	return nil
}

// ended is the fault of an input that ended while a question was open.
type ended struct{ fault *message.Error }

func (e ended) Error() string { return e.fault.Error() }

func (ended) Is(target error) bool { return target == flow.ErrFaceGone }

func (e ended) Unwrap() error { return e.fault }

// mostLine bounds an answer.
const mostLine = 1 << 16

// line reads an answer.
func (p *plain) line(ctx context.Context, asked flow.Asked) (string, error) {
	text, err := p.nextLine(ctx)
	if !errors.Is(err, io.EOF) {
		return text, err
	}
	p.say("\n")
	next := []message.Text{}
	if asked.Flag != "" {
		next = append(next, message.Of("terminal.ended.next", asked.Flag))
	}
	return "", ended{message.Fail(message.Of("terminal.ended", asked.Title), nil, next...)}
}

// nextLine is io.EOF when there is none. A last line needs no end.
func (p *plain) nextLine(ctx context.Context) (string, error) {
	buf := make([]byte, 4096)
	for {
		if i := strings.IndexByte(string(p.pending), '\n'); i >= 0 {
			text := string(p.pending[:i])
			p.pending = p.pending[i+1:]
			return strings.TrimSuffix(text, "\r"), nil
		}
		if p.ended || len(p.pending) > mostLine {
			if len(p.pending) == 0 {
				return "", io.EOF
			}
			text := string(p.pending)
			p.pending = nil
			return text, nil
		}
		n, err := p.in.read(ctx, buf, 0)
		if errors.Is(err, io.EOF) {
			p.ended = true
			continue
		}
		if err != nil {
			return "", err
		}
		p.pending = append(p.pending, buf[:n]...)
	}
}

func (p *plain) say(text string) { fmt.Fprint(p.out, printable.Text(text)) }

// head is what stands above an answer.
func (p *plain) head(a flow.Asked) {
	p.say("\n" + p.printer.Text(a.Title) + "\n")
	if help := p.printer.Text(a.Help); !a.Help.Empty() {
		p.say(help + "\n")
	}
}

// Tell writes a notice: its tone is a word, as there are no colors.
func (p *plain) Tell(n flow.Notice) {
	title := p.printer.Text(n.Title)
	if n.Kind == flow.Warning || n.Kind == flow.Failure {
		title = p.printer.Say("terminal.attention", title)
	}
	p.say("\n" + title + "\n")
	for _, paragraph := range n.Body {
		p.say(p.printer.Text(paragraph) + "\n")
	}
	for _, row := range n.Table {
		p.say("  - " + joined(p.printer, row) + "\n")
	}
	if !n.Code.Empty() {
		p.say("\n")
		for l := range strings.SplitSeq(p.printer.Text(n.Code), "\n") {
			p.say("    " + l + "\n")
		}
	}
}

// joined is a row as a sentence: its first cell, and what there is to say of it.
func joined(printer *message.Printer, row []message.Text) string {
	var words []string
	for _, cell := range row {
		if text := printer.Text(cell); text != "" {
			words = append(words, text)
		}
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return words[0] + ": " + strings.Join(words[1:], ", ")
}

// Show writes a document.
func (p *plain) Show(d flow.Document) {
	p.say("\n" + p.printer.Text(d.Title) + "\n\n" + strings.TrimRight(d.Text, "\n") + "\n")
}

// Work writes what is being done, and each tenth of it.
func (p *plain) Work(ctx context.Context, title message.Text, do func(context.Context, func(flow.Progress)) error) error {
	var mu sync.Mutex
	begun, tenth := false, int64(0)
	begin := func() {
		if !begun {
			begun = true
			p.say("\n" + p.printer.Text(title) + " ...\n")
		}
	}
	slow := time.AfterFunc(time.Second, func() { mu.Lock(); defer mu.Unlock(); begin() })
	defer slow.Stop()
	err := do(ctx, func(now flow.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if now.All <= 0 || now.Done*10/now.All <= tenth {
			return
		}
		begin()
		tenth = now.Done * 10 / now.All
		p.say(fmt.Sprintf("  %d %%, %s\n", now.Done*100/now.All, progressNumbers(p.printer, now)))
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
