package terminal

import (
	"context"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// question is a Question that is open. What is typed is judged beside it: a judgement
// may ask the registry.
type question struct {
	printer  *message.Printer
	asked    flow.Question
	editor   *editor
	verdict  flow.Verdict
	judged   string // what verdict is about
	touched  bool   // something was typed: faults may be shown
	taking   bool   // Enter was pressed and waits for the judgement
	ctx      context.Context
	cancel   context.CancelFunc // of the judgement that is being made
	judging  bool
	running  sync.WaitGroup // the goroutine that judges
	happened chan func() (bool, error)
}

func newQuestion(ctx context.Context, p *message.Printer, asked flow.Question) *question {
	q := &question{printer: p, asked: asked, editor: newEditor(asked.Default), ctx: ctx, happened: make(chan func() (bool, error), 1), cancel: func() {}}
	q.touched = asked.Default != ""
	q.judge()
	return q
}

func (q *question) events() <-chan func() (bool, error) { return q.happened }

// value is what was typed. Names do not begin or end with blanks; passwords may.
func (q *question) value() string {
	if q.asked.Secret {
		return q.editor.String()
	}
	return strings.TrimSpace(q.editor.String())
}

// judge begins a judgement of what is typed now, when the one before has ended.
func (q *question) judge() {
	if q.asked.Check == nil {
		q.judged = q.value()
		return
	}
	q.cancel()
	if q.judging {
		return // judge is called again at its end
	}
	ctx, cancel := context.WithCancel(q.ctx)
	q.cancel, q.judging = cancel, true
	typed := q.value()
	q.running.Add(1)
	go func() {
		defer q.running.Done()
		verdict := q.asked.Check(ctx, typed)
		select {
		case q.happened <- func() (bool, error) { return q.hasJudged(typed, verdict) }:
		case <-q.ctx.Done():
		}
	}()
}

func (q *question) hasJudged(typed string, verdict flow.Verdict) (bool, error) {
	q.judging = false
	if typed != q.value() {
		q.judge()
		return false, nil
	}
	q.judged, q.verdict = typed, verdict
	if q.taking {
		return q.take()
	}
	return false, nil
}

// take accepts what was typed if it has been found good.
func (q *question) take() (bool, error) {
	if q.judging || q.judged != q.value() {
		q.taking = true
		return false, nil
	}
	q.taking, q.touched = false, true
	return q.verdict.Bad.Empty(), nil
}

func (q *question) key(k key) (bool, error) {
	switch k.name {
	case "esc":
		return false, flow.ErrBack
	case "enter":
		return q.take()
	}
	if q.editor.key(k) {
		q.touched, q.taking = true, false
		q.judge()
	}
	return false, nil
}

func (q *question) draw(columns, rows int) ([]line, cursor) {
	title := text(q.printer.Text(q.asked.Title), columns, margin, strong)
	help := text(q.printer.Text(q.asked.Help), columns, margin, normal)
	typed, column := q.editor.view(max(columns-1-margin-len("> ")-1, 1))
	if q.asked.Secret {
		typed, column = nil, 0
	}
	field := []line{join(blanks(margin), cut("> ", accent), typed)}
	keys := keyLine(q.printer, q.printer.Say("terminal.keys.question"), columns)
	flag := flagLine(q.printer, q.asked.Flag, columns)
	lines, begins := stack(rows,
		part{blank, 2}, part{title, 0}, part{help, 4},
		part{blank, 1}, part{field, 0}, part{q.judgement(columns), 0},
		part{blank, 1}, part{keys, 0}, part{flag, 3})
	return lines, cursor{row: begins[4], column: margin + len("> ") + column, visible: true}
}

// judgement has room for what is usually said, so that the lines below do not jump while
// one types.
func (q *question) judgement(columns int) []line {
	var l []line
	switch {
	case q.judging && q.taking:
		l = text(q.printer.Say("terminal.asking"), columns, margin+2, faint)
	case q.judged != q.value():
	case !q.verdict.Bad.Empty() && q.touched:
		l = indented(prefixed("! ", bad, wrap(q.printer.Text(q.verdict.Bad), min(columns-1, mostColumns)-margin-2, normal)), margin)
	case q.verdict.Bad.Empty():
		l = text(q.printer.Text(q.verdict.Note), columns, margin+2, faint)
	}
	room := 1
	if columns < roomy {
		room = 2
	}
	for len(l) < room {
		l = append(l, nil)
	}
	return l
}

// roomy is a terminal on which a judgement takes one line.
const roomy = 78

// prefixed puts a mark before the first line, and blanks before the others.
func prefixed(mark string, s style, lines []line) []line {
	all := make([]line, len(lines))
	for i, l := range lines {
		if i == 0 {
			all[i] = join(cut(mark, s), l)
		} else {
			all[i] = join(blanks(cut(mark, s).width()), l)
		}
	}
	return all
}
