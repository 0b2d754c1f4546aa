package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

const (
	// Progress changes a thousand times a second; pages are told so often.
	tellEvery = 100 * time.Millisecond
	// A page that does not answer for so long is gone: a laptop sleeps.
	pingEvery = 20 * time.Second

	mostAnswer = 1 << 16 // bytes of a message from a page

	// A request that waits for the registry must not keep those after it: who has waited
	// long enough goes back. So many are under way for one page.
	mostRequests = 8
)

// update is what a page is told: the parts that are new to it.
type update struct {
	Entries  *[]pageEntry    `json:"entries,omitempty"`
	Question json.RawMessage `json:"question,omitempty"` // null: none
	Work     json.RawMessage `json:"work,omitempty"`     // null: none
	Shell    *int64          `json:"shell,omitempty"`    // 0: none
	Run      string          `json:"run,omitempty"`      // names the server's process, in the first message: a shell ends with it
	Reply    int64           `json:"reply,omitempty"`    // to the request with this number
	Error    string          `json:"error,omitempty"`    // gone, refused, failed
	Note     string          `json:"note,omitempty"`
	Bad      string          `json:"bad,omitempty"`
}

// request is what a page wants.
type request struct {
	Do     string `json:"do"` // answer, check, back, stop, lang
	ID     int64  `json:"id"` // for the reply
	Number int64  `json:"n"`  // of the question or work
	Value  string `json:"value"`
}

// deskPage is one page's connection.
type deskPage struct {
	desk   *desk.Desk
	socket *websocket.Conn
	run    string
	speaks func(*message.Printer) // who uses this page has said something in its language

	mu    sync.Mutex
	words words
	again chan struct{} // the language has changed: tell everything
}

func (s *Server) serveDesk(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{guard.Protocol}, CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return // it has answered
	}
	defer socket.CloseNow() //nolint:errcheck // a page that is gone
	socket.SetReadLimit(mostAnswer)
	s.visit()
	p := &deskPage{desk: s.o.Desk, socket: socket, run: s.run, speaks: s.speaks, words: s.words(r), again: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(s.closing, cancel)
	defer stop()
	go func() {
		defer cancel()
		p.listen(ctx)
	}()
	go keepAlive(ctx, cancel, socket)
	p.tell(ctx)
	_ = socket.Close(websocket.StatusGoingAway, "")
}

// keepAlive ends what belongs to a page that does not answer.
func keepAlive(ctx context.Context, cancel context.CancelFunc, socket *websocket.Conn) {
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pingEvery):
		}
		wait, done := context.WithTimeout(ctx, pingEvery)
		err := socket.Ping(wait)
		done()
		if err != nil {
			return
		}
	}
}

// tell sends what is new until the page is gone.
func (p *deskPage) tell(ctx context.Context) {
	var known desk.Versions
	first := true
	for {
		changed := p.desk.Changed()
		u, versions, err := p.news(known, first)
		if err != nil || wsjson.Write(ctx, p.socket, u) != nil {
			return
		}
		known, first = versions, false
		select {
		case <-ctx.Done():
			return
		case <-p.again:
			first = true
		case <-changed:
			select {
			case <-ctx.Done():
				return
			case <-time.After(tellEvery):
			}
		}
	}
}

// news are the parts that have changed since known, or all.
func (p *deskPage) news(known desk.Versions, all bool) (update, desk.Versions, error) {
	p.mu.Lock()
	w := p.words
	p.mu.Unlock()
	s := p.desk.Snapshot()
	var u update
	var err error
	if all || s.Versions.Entries != known.Entries {
		entries := make([]pageEntry, 0, len(s.Entries))
		for _, e := range s.Entries {
			entries = append(entries, w.entry(e))
		}
		u.Entries = &entries
	}
	if all || s.Versions.Question != known.Question {
		u.Question, err = json.Marshal(w.question(s.Question))
	}
	if all || s.Versions.Work != known.Work {
		var e error
		u.Work, e = json.Marshal(w.work(s.Work))
		err = errors.Join(err, e)
	}
	if all {
		u.Run = p.run
	}
	if all || s.Versions.Shell != known.Shell {
		u.Shell = &s.Shell
	}
	return u, s.Versions, err
}

// listen does what the page wants until it is gone.
func (p *deskPage) listen(ctx context.Context) {
	var checking latest
	defer checking.end()
	turns := make(chan struct{}, mostRequests)
	for {
		var r request
		if err := wsjson.Read(ctx, p.socket, &r); err != nil {
			return
		}
		switch r.Do {
		case "lang":
			p.mu.Lock()
			printer, _ := message.For(r.Value)
			p.words = words{printer}
			p.mu.Unlock()
			p.speaks(printer)
			select {
			case p.again <- struct{}{}:
			default:
			}
		case "check": // what was typed before matters no more
			go p.check(checking.begin(ctx), r)
		default:
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
				return
			}
			go func() {
				defer func() { <-turns }()
				p.reply(ctx, r.ID, p.do(ctx, r))
			}()
		}
	}
}

func (p *deskPage) do(ctx context.Context, r request) error {
	switch r.Do {
	case "answer":
		p.mu.Lock()
		p.speaks(p.words.Printer)
		p.mu.Unlock()
		return p.desk.Answer(ctx, r.Number, r.Value)
	case "back":
		return p.desk.Back(r.Number)
	case "stop":
		return p.desk.Stop(r.Number)
	}
	return errors.New("nobody knows how to " + r.Do)
}

func (p *deskPage) check(ctx context.Context, r request) {
	v, err := p.desk.Check(ctx, r.Number, r.Value)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		p.reply(ctx, r.ID, err)
		return
	}
	p.mu.Lock()
	w := p.words
	p.mu.Unlock()
	_ = wsjson.Write(ctx, p.socket, update{Reply: r.ID, Note: w.say(v.Note), Bad: w.say(v.Bad)})
}

// reply says how a request has ended.
func (p *deskPage) reply(ctx context.Context, id int64, err error) {
	u := update{Reply: id}
	var refused *desk.RefusedError
	switch {
	case err == nil:
	case errors.Is(err, desk.ErrGone):
		u.Error = "gone"
	case errors.As(err, &refused):
		p.mu.Lock()
		u.Error, u.Bad = "refused", p.words.say(refused.Why)
		p.mu.Unlock()
	case errors.Is(err, desk.ErrRefused):
		u.Error = "refused"
	default:
		u.Error = "failed"
	}
	_ = wsjson.Write(ctx, p.socket, u)
}

// latest is the context of the last of several tries.
type latest struct{ cancel context.CancelFunc }

// begin ends the try before.
func (l *latest) begin(parent context.Context) context.Context {
	l.end()
	ctx, cancel := context.WithCancel(parent)
	l.cancel = cancel
	return ctx
}

func (l *latest) end() {
	if l.cancel != nil {
		l.cancel()
	}
}
