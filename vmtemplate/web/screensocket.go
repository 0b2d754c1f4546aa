package web

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/jrun-hpc/jrun/vmtemplate/web/desk"
	"github.com/jrun-hpc/jrun/vmtemplate/web/guard"
)

// The screen's socket: GET /api/screen?page=NAME&shell=NUMBER&from=BYTE&columns=N&rows=N.
// NAME is one that the page has made up for itself.
//
// To the page, binary: 8 bytes, how far the output has come with this message, big-endian
// (the highest bit: begin anew with an empty terminal), then output. It is closed with
// statusEnded when the shell is over, and with statusOther when the shell that runs is
// another than the page means.
//
// Text, JSON, {"refused": true}: the program does not read, and what was typed last is lost.
//
// From the page, binary: what is typed. Text, JSON: {"seen": BYTE}, or
// {"columns": N, "rows": N}.
const (
	statusEnded = websocket.StatusCode(4000)
	statusOther = websocket.StatusCode(4001)

	resetBit  = 1 << 63
	mostTyped = 1 << 16 // bytes pasted at once; a page sends more in pieces
)

// fromPage is a text message.
type fromPage struct {
	Seen          int64
	Columns, Rows int
}

func (s *Server) serveScreen(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{guard.Protocol}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	defer socket.CloseNow() //nolint:errcheck // a page that is gone
	socket.SetReadLimit(mostTyped)
	query := r.URL.Query()
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(query.Get(name), 10, 64)
		return n
	}
	screen := s.o.Desk.Screen()
	if running := s.o.Desk.Snapshot().Shell; screen == nil || running != 0 && running != number("shell") {
		_ = socket.Close(statusOther, "another shell")
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := context.AfterFunc(s.closing, cancel)
	defer stop()
	view := screen.Attach(query.Get("page"), number("from"))
	defer view.Close()
	if number("columns") > 0 {
		screen.Resize(int(number("columns")), int(number("rows")))
	}
	go func() {
		defer cancel()
		listen(ctx, socket, screen, view)
	}()
	go keepAlive(ctx, cancel, socket)
	if err := send(ctx, socket, view); errors.Is(err, desk.ErrEnded) {
		_ = socket.Close(statusEnded, "the shell has ended")
	}
}

// send gives the page what the program says.
func send(ctx context.Context, socket *websocket.Conn, view *desk.View) error {
	for {
		p, err := view.Next(ctx)
		if err != nil {
			return err
		}
		end := uint64(p.End)
		if p.Reset {
			end |= resetBit
		}
		b := append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(p.Bytes)), end), p.Bytes...)
		if err := socket.Write(ctx, websocket.MessageBinary, b); err != nil {
			return err
		}
	}
}

// listen takes what the page says.
func listen(ctx context.Context, socket *websocket.Conn, screen *desk.Screen, view *desk.View) {
	for {
		kind, b, err := socket.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary {
			// Of a shell that has ended the page hears otherwise.
			if err := screen.Type(b); errors.Is(err, desk.ErrTyped) {
				_ = wsjson.Write(ctx, socket, map[string]bool{"refused": true})
			}
			continue
		}
		var m fromPage
		if json.Unmarshal(b, &m) != nil {
			_ = socket.Close(websocket.StatusPolicyViolation, "that is no message")
			return
		}
		if m.Seen > 0 {
			view.Seen(m.Seen)
		}
		if m.Columns > 0 && m.Rows > 0 {
			screen.Resize(m.Columns, m.Rows)
		}
	}
}
