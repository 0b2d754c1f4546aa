package notice

import (
	"bytes"
	"net/mail"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/printable"
	gomail "github.com/wneessen/go-mail"
)

// message is a letter with all its languages in it.
type message struct {
	id      string // without brackets
	key     string
	from    *mail.Address
	replyTo *mail.Address // nil: as from
	to      *mail.Address
	subject string
	body    string
	date    time.Time
}

// between separates the languages of one letter.
const between = "\n----------------------------------------------------------------------\n\n"

func (p *Post) message(l Letter, date time.Time) (message, error) {
	to, err := mail.ParseAddress(l.To.Mail)
	if err != nil || strings.ContainsAny(l.To.Mail, "\r\n") {
		return message{}, fault.Newf(ErrNoAddress, "correct it in the directory", "cannot write to %s: %q is no address", printable.Line(l.To.ID), l.To.Mail)
	}
	m := message{id: p.messageID(l.Key), key: l.Key, from: p.sender(), to: &mail.Address{Name: oneLine(l.To.Name), Address: to.Address}, date: date}
	if p.o.Mail.ReplyTo != "" {
		m.replyTo, _ = mail.ParseAddress(p.o.Mail.ReplyTo) // settings have looked at it
	}
	var subjects, bodies []string
	for _, language := range p.languagesOf(l) {
		text, err := p.Render(l, language)
		if err != nil {
			return message{}, err
		}
		subjects, bodies = append(subjects, text.Subject), append(bodies, text.Body)
	}
	m.subject, m.body = strings.Join(subjects, " / "), strings.Join(bodies, between)
	return m, nil
}

// languagesOf are the languages of a letter, the person's first.
func (p *Post) languagesOf(l Letter) []string {
	own := l.To.Language
	if own != "en" && own != "ja" {
		own = p.o.Language
	}
	if own != "ja" {
		own = "en"
	}
	if !p.o.Mail.Both() {
		return []string{own}
	}
	all := []string{own}
	for _, other := range languages {
		if other != own {
			all = append(all, other)
		}
	}
	return all
}

// sender is who letters are from; settings have looked at it.
func (p *Post) sender() *mail.Address {
	from, err := mail.ParseAddress(p.from)
	if err != nil {
		return &mail.Address{Address: "jadm@localhost"}
	}
	return from
}

// compose makes the message of RFC 5322. The same letter is always the same bytes.
func (m message) compose(encoding gomail.Encoding) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(encoding))
	msg.FromMailAddress(m.from)
	msg.ToMailAddress(m.to)
	if m.replyTo != nil {
		msg.ReplyToMailAddress(m.replyTo)
	}
	msg.Subject(m.subject)
	msg.SetMessageIDWithValue(m.id)
	msg.SetDateWithValue(m.date)
	// RFC 3834: nobody's absence is told to a program.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.body)
	return msg
}

// bytes is the message as it is sent.
func (m message) bytes(encoding gomail.Encoding) ([]byte, error) {
	var b bytes.Buffer
	_, err := m.compose(encoding).WriteTo(&b)
	return b.Bytes(), err
}
