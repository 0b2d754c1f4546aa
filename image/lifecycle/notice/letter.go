package notice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/lifecycle/audit"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
	"github.com/jrun-hpc/jrun/image/lifecycle/state"
	"github.com/jrun-hpc/jrun/printable"
)

// ErrNoAddress is wrapped by errors about somebody without a mail address.
var ErrNoAddress = errors.New("no mail address is known")

// ErrRefused is wrapped by errors about a letter that the mail server will not take,
// today or tomorrow.
var ErrRefused = errors.New("the mail server refuses it for good")

// Letter is a letter to be.
type Letter struct {
	To   people.Person
	Kind string // welcome, leaving, bundle, lease, …: a name in the catalogue
	Key  string // unique: a letter of a key is sent once, ever
	Data any    // .Data of the template
}

// Site is what all letters may name.
type Site struct {
	Name     string // what the service is called
	Registry string // Harbor's host
	Help     string // whom to ask: an address or a page
}

// Options of a Post.
type Options struct {
	Mail     settings.Mail
	Language string // of people who have none: en or ja
	Registry string // Harbor's host
	State    state.Dir
	Audit    audit.Recorder
	Now      func() time.Time
}

// Post sends letters. It may be used by several goroutines.
type Post struct {
	o    Options
	way  way
	from string
}

// way is how letters leave.
type way interface {
	// send hands a message over, or says why it could not.
	send(ctx context.Context, m message) error
	// check tries it without a message.
	check(ctx context.Context) error
	// describe is for people: "by smtp://…".
	describe() string
}

// kind is where letters are remembered.
const kind = "letters"

// record is what is remembered of a letter.
type record struct {
	Kind      string    `json:"kind"`
	To        string    `json:"to"` // ID
	MessageID string    `json:"message_id"`
	Begun     time.Time `json:"begun"` // the first attempt, and the letter's date
	Sent      time.Time `json:"sent,omitzero"`
	Attempts  int       `json:"attempts"`
	Error     string    `json:"error,omitempty"` // of the last attempt
}

// Open makes a Post. It sends nothing yet.
func Open(o Options) (*Post, error) {
	p := &Post{o: o, from: o.Mail.From}
	if p.from == "" {
		p.from = "jadm@localhost" // letters that only become files
	}
	switch {
	case o.Mail.Server() != nil:
		p.way = &smtpWay{o.Mail}
	case len(o.Mail.Command) > 0:
		p.way = &commandWay{o.Mail.Command, o.Mail.Timeout}
	case o.Mail.Directory != "":
		p.way = &directoryWay{o.Mail.Directory}
	default:
		p.way = &directoryWay{o.State.Path() + "/outbox"}
	}
	return p, nil
}

// Way says how letters leave, for people.
func (p *Post) Way() string { return p.way.describe() }

// Send sends a letter, unless that of its key was sent before. Errors are faults, and
// wrap ErrNoAddress or ErrRefused when it is no use to try again.
func (p *Post) Send(ctx context.Context, l Letter) (sent bool, err error) {
	if l.To.Mail == "" {
		return false, fault.Newf(ErrNoAddress, "write one into the directory, or tell them yourself", "cannot write to %s", printable.Line(l.To.ID))
	}
	unlock, err := p.o.State.Lock(kind)
	if err != nil {
		return false, err
	}
	defer unlock()
	var r record
	name := documentName(l.Key)
	err = p.o.State.Load(kind, name, &r)
	switch {
	case errors.Is(err, state.ErrNotFound), errors.Is(err, state.ErrDamaged):
		r = record{Begun: p.o.Now().UTC()}
	case err != nil:
		return false, err
	case !r.Sent.IsZero():
		return false, nil
	}
	m, err := p.message(l, r.Begun)
	if err != nil {
		return false, err
	}
	r.Kind, r.To, r.MessageID, r.Attempts = l.Kind, l.To.ID, m.id, r.Attempts+1
	if err := p.o.State.Save(kind, name, r); err != nil {
		return false, err
	}
	act := audit.Act{Action: "letter.send", Subject: l.To.ID, Details: map[string]string{"kind": l.Kind, "key": l.Key}}
	err = p.o.Audit.Do(act, func() error { return p.way.send(ctx, m) })
	r.Error = ""
	if err != nil {
		r.Error = err.Error()
	} else {
		r.Sent = p.o.Now().UTC()
	}
	if saved := p.o.State.Save(kind, name, r); saved != nil {
		return err == nil, errors.Join(err, saved)
	}
	if err != nil {
		return false, fault.Newf(err, p.advice(err), "cannot send the letter %q to %s", l.Kind, printable.Line(l.To.Mail))
	}
	return true, nil
}

// Sent is when the letter of a key was sent; zero if it was not.
func (p *Post) Sent(key string) (time.Time, error) {
	var r record
	err := p.o.State.Load(kind, documentName(key), &r)
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	return r.Sent, err
}

// mostName is what a key may take of a file's name, escaped; file systems have 255, and an
// ID of twenty Chinese characters takes 180.
const mostName = 200

// documentName is what a letter's document and file are called: as its key, or if that is too
// long for a file, as a sum of it.
func documentName(key string) string {
	if len(url.QueryEscape(key)) <= mostName {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sum-" + hex.EncodeToString(sum[:16])
}

func (p *Post) advice(err error) string {
	if errors.Is(err, ErrRefused) {
		return "look at the address, and at what the mail server says of it"
	}
	return fmt.Sprintf("it goes %s (mail in jadm.toml); try it: jadm mail test ADDRESS", p.way.describe())
}

// messageID is the same whenever a letter of the key is sent (RFC 5322, 3.6.4).
func (p *Post) messageID(key string) string {
	sum := sha256.Sum256([]byte(key))
	host := "jadm.invalid"
	if _, domain, ok := strings.Cut(p.sender().Address, "@"); ok && domain != "" {
		host = domain
	}
	return "jadm." + hex.EncodeToString(sum[:16]) + "@" + host
}
