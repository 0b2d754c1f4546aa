package terminal

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"golang.org/x/text/width"
)

// plainPage is how many rows are listed at once; more would scroll away, and take long
// to be read aloud.
const plainPage = 20

// Choose lists numbered rows. A word searches, in lists that can be searched.
func (p *plain) Choose(ctx context.Context, c flow.Choice) (string, error) {
	p.head(c.Asked)
	l := newList(p.printer, c)
	from := 0
	for {
		p.list(l, from)
		answer, err := p.line(ctx, c.Asked)
		if err != nil {
			return "", err
		}
		typed := strings.TrimSpace(width.Fold.String(answer))
		number, noNumber := strconv.Atoi(typed)
		switch {
		case typed == "" && l.at < len(l.shown):
			return c.Rows[l.shown[l.at]].Key, nil
		case noNumber == nil && number >= 1 && number <= len(l.shown):
			return c.Rows[l.shown[number-1]].Key, nil
		case typed == "0":
			return "", flow.ErrBack
		case typed == "+" && from+plainPage < len(l.shown):
			from += plainPage
		case c.Search && (noNumber != nil || number > len(l.shown)):
			l.search = newEditor(typed)
			l.filter()
			from = 0
		default:
			p.say(p.printer.Say("terminal.plain.number", len(l.shown)) + "\n")
		}
	}
}

// list writes a page of rows, and what can be answered.
func (p *plain) list(l *list, from int) {
	to := min(from+plainPage, len(l.shown))
	for n := from; n < to; n++ {
		p.say(fmt.Sprintf("  %d) %s\n", n+1, joined(p.printer, l.choice.Rows[l.shown[n]].Cells)))
	}
	if to < len(l.shown) {
		p.say(p.printer.Say("terminal.plain.more", to, len(l.shown)) + "\n")
	}
	if l.choice.Search {
		p.say(p.printer.Say("terminal.plain.choose-search", l.at+1))
	} else {
		p.say(p.printer.Say("terminal.plain.choose", l.at+1))
	}
}

// Ask asks for a line. Passwords are not echoed where somebody types them.
func (p *plain) Ask(ctx context.Context, q flow.Question) (string, error) {
	p.head(q.Asked)
	for {
		answer, err := p.answer(ctx, q)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.Default
		}
		if q.Check == nil {
			return answer, nil
		}
		verdict := q.Check(ctx, answer)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if verdict.Bad.Empty() {
			if !verdict.Note.Empty() {
				p.say("  " + p.printer.Text(verdict.Note) + "\n")
			}
			return answer, nil
		}
		p.say("  " + p.printer.Text(verdict.Bad) + "\n")
	}
}

// answer is what was typed; ErrBack for 0, and for a password that is empty, since
// one could be 0.
func (p *plain) answer(ctx context.Context, q flow.Question) (string, error) {
	switch {
	case q.Secret:
		p.say(p.printer.Say("terminal.plain.secret"))
	case q.Default != "":
		p.say(p.printer.Say("terminal.plain.default", q.Default))
	default:
		p.say(p.printer.Say("terminal.plain.line"))
	}
	if q.Secret && p.isTerminal {
		restore := p.withoutEcho()
		defer func() { restore(); p.say("\n") }()
	}
	typed, err := p.line(ctx, q.Asked)
	switch {
	case err != nil:
		return "", err
	case q.Secret && typed == "":
		return "", flow.ErrBack
	case q.Secret:
		return typed, nil
	case strings.TrimSpace(width.Fold.String(typed)) == "0":
		return "", flow.ErrBack
	}
	return strings.TrimSpace(typed), nil
}

// Confirm takes the first letter of yes or no in either language.
func (p *plain) Confirm(ctx context.Context, c flow.Confirmation) (bool, error) {
	p.head(c.Asked)
	for {
		if c.Default {
			p.say(p.printer.Say("terminal.plain.yes"))
		} else {
			p.say(p.printer.Say("terminal.plain.no"))
		}
		answer, err := p.line(ctx, c.Asked)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(width.Fold.String(answer))) {
		case "":
			return c.Default, nil
		case "y", "yes", "はい":
			return true, nil
		case "n", "no", "いいえ":
			return false, nil
		case "0":
			return false, flow.ErrBack
		}
	}
}
