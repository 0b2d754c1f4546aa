package terminal

import (
	"context"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Choose shows a list.
func (f *full) Choose(ctx context.Context, c flow.Choice) (string, error) {
	l := newList(f.printer, c)
	if err := f.ask(ctx, l); err != nil {
		return "", err
	}
	f.answered(c.Asked, rowText(f.printer, c, l.answer))
	return l.answer, nil
}

// rowText is what a row is called: its first cell.
func rowText(p *message.Printer, c flow.Choice, key string) string {
	for _, row := range c.Rows {
		if row.Key == key && len(row.Cells) > 0 {
			return p.Text(row.Cells[0])
		}
	}
	return key
}

// Ask shows a line to type in.
func (f *full) Ask(ctx context.Context, asked flow.Question) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	q := newQuestion(ctx, f.printer, asked)
	defer func() { cancel(); q.running.Wait() }()
	if err := f.ask(ctx, q); err != nil {
		return "", err
	}
	if !asked.Secret {
		f.answered(asked.Asked, q.value())
	}
	return q.value(), nil
}

// Confirm is a list of two.
func (f *full) Confirm(ctx context.Context, c flow.Confirmation) (bool, error) {
	answer, err := f.Choose(ctx, confirmation(c))
	return answer == "yes", err
}

// confirmation is yes and no as a list. No comes first where it is proposed.
func confirmation(c flow.Confirmation) flow.Choice {
	yes := flow.Row{Key: "yes", Cells: []message.Text{orElse(c.Yes, message.Of("terminal.yes"))}}
	no := flow.Row{Key: "no", Cells: []message.Text{orElse(c.No, message.Of("terminal.no"))}}
	list := flow.Choice{Asked: c.Asked, Default: "no", Rows: []flow.Row{no, yes}}
	if c.Default {
		list.Default, list.Rows = "yes", []flow.Row{yes, no}
	}
	return list
}

func orElse(t, other message.Text) message.Text {
	if t.Empty() {
		return other
	}
	return t
}
