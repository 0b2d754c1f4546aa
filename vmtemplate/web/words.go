package web

import (
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/flow"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
)

// What pages get: the desk's things in the words of one language. All texts are text;
// the page never takes them for HTML.

type pageEntry struct {
	Number int64      `json:"n"`
	Kind   string     `json:"kind"` // notice, document, answer
	ID     string     `json:"id"`
	Tone   string     `json:"tone,omitempty"`
	Title  string     `json:"title,omitempty"`
	Body   []string   `json:"body,omitempty"`
	Table  [][]string `json:"table,omitempty"`
	Code   string     `json:"code,omitempty"`
	Text   string     `json:"text,omitempty"`
	Label  string     `json:"label,omitempty"`
	Value  string     `json:"value,omitempty"`
}

type pageQuestion struct {
	Number  int64        `json:"n"`
	Kind    string       `json:"kind"` // choice, ask, confirm
	ID      string       `json:"id"`
	Title   string       `json:"title"`
	Label   string       `json:"label,omitempty"`
	Help    string       `json:"help,omitempty"`
	Flag    string       `json:"flag,omitempty"`
	Columns []pageColumn `json:"columns,omitempty"`
	Rows    []pageRow    `json:"rows,omitempty"`
	Default string       `json:"default,omitempty"`
	Search  bool         `json:"search,omitempty"`
	Secret  bool         `json:"secret,omitempty"`
	Yes     string       `json:"yes,omitempty"`
	No      string       `json:"no,omitempty"`
}

type pageColumn struct {
	Title string `json:"title"`
	Right bool   `json:"right,omitempty"`
	Spare bool   `json:"spare,omitempty"`
}

type pageRow struct {
	Key   string   `json:"key"`
	Cells []string `json:"cells"`
	Note  string   `json:"note,omitempty"`
	Stays bool     `json:"stays,omitempty"`
	Badge string   `json:"badge,omitempty"`
	Tone  string   `json:"tone,omitempty"` // of the badge: success, info, warning
}

type pageWork struct {
	Number       int64     `json:"n"`
	Title        string    `json:"title"`
	Phase        string    `json:"phase,omitempty"`
	DoneBytes    int64     `json:"done"`
	AllBytes     int64     `json:"all"` // 0: not known
	ThereBytes   int64     `json:"there"`
	RateBytes    int64     `json:"rate"` // a second
	LeftSeconds  float64   `json:"left"`
	Since        time.Time `json:"since"`
	DoneText     string    `json:"doneText,omitempty"` // done of all, in units
	RateText     string    `json:"rateText,omitempty"`
	StillThereOf string    `json:"thereText,omitempty"`
}

// words turns texts into those of one language.
type words struct{ *message.Printer }

func (w words) all(texts []message.Text) []string {
	var out []string
	for _, t := range texts {
		out = append(out, w.Text(t))
	}
	return out
}

// say is a text, or nothing for an empty one.
func (w words) say(t message.Text) string {
	if t.Empty() {
		return ""
	}
	return w.Text(t)
}

func (w words) entry(e desk.Entry) pageEntry {
	switch {
	case e.Notice != nil:
		p := pageEntry{Number: e.Number, Kind: "notice", ID: e.Notice.ID, Tone: string(e.Notice.Kind), Title: w.say(e.Notice.Title), Body: w.all(e.Notice.Body), Code: w.say(e.Notice.Code)}
		for _, row := range e.Notice.Table {
			p.Table = append(p.Table, w.all(row))
		}
		return p
	case e.Document != nil:
		return pageEntry{Number: e.Number, Kind: "document", ID: e.Document.ID, Title: w.say(e.Document.Title), Text: e.Document.Text}
	}
	return pageEntry{Number: e.Number, Kind: "answer", ID: e.Answer.ID, Label: w.say(e.Answer.Label), Value: w.say(e.Answer.Value)}
}

func (w words) question(q *desk.Question) *pageQuestion {
	if q == nil {
		return nil
	}
	p := &pageQuestion{Number: q.Number}
	fill := func(kind string, a flow.Asked) {
		p.Kind, p.ID, p.Title, p.Label, p.Help, p.Flag = kind, a.ID, w.say(a.Title), w.say(a.Label), w.say(a.Help), a.Flag
	}
	switch {
	case q.Choice != nil:
		fill("choice", q.Choice.Asked)
		p.Default, p.Search = q.Choice.Default, q.Choice.Search
		for _, c := range q.Choice.Columns {
			p.Columns = append(p.Columns, pageColumn{w.say(c.Title), c.Right, c.Spare})
		}
		for _, r := range q.Choice.Rows {
			p.Rows = append(p.Rows, pageRow{r.Key, w.all(r.Cells), w.say(r.Note), r.Stays, w.say(r.Badge.Text), string(r.Badge.Kind)})
		}
	case q.Ask != nil:
		fill("ask", q.Ask.Asked)
		p.Default, p.Secret = q.Ask.Default, q.Ask.Secret
	default:
		fill("confirm", q.Confirm.Asked)
		p.Yes, p.No, p.Default = w.say(q.Confirm.Yes), w.say(q.Confirm.No), "no"
		if q.Confirm.Default {
			p.Default = "yes"
		}
	}
	return p
}

func (w words) work(k *desk.Work) *pageWork {
	if k == nil {
		return nil
	}
	g := k.Progress
	p := &pageWork{
		Number: k.Number, Title: w.say(k.Title), Phase: w.say(g.Phase), DoneBytes: g.Done, AllBytes: g.All, ThereBytes: g.There,
		RateBytes: g.Rate, LeftSeconds: g.Left.Seconds(), Since: k.Since,
	}
	if g.All > 0 {
		p.DoneText = w.Say("web.work.done", message.Bytes(g.Done), message.Bytes(g.All))
	}
	if g.Rate > 0 {
		p.RateText = w.Say("web.work.rate", message.Bytes(g.Rate))
	}
	if g.There > 0 {
		p.StillThereOf = w.Say("web.work.there", message.Bytes(g.There))
	}
	return p
}
