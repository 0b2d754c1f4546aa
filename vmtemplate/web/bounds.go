package web

import (
	"io"
	"net/http"
	"time"
)

// bodyWithin is how long the body of a request may take, unless it is a file that comes in.
const bodyWithin = 10 * time.Second

// bounded sees to it that nobody keeps a connection by sending or reading nothing:
// anybody on the machine can open some, without a session.
func bounded(within time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" { // sockets have bounds of their own
			next.ServeHTTP(w, r)
			return
		}
		c := http.NewResponseController(w)
		if r.ContentLength != 0 {
			_ = c.SetReadDeadline(time.Now().Add(within)) // net/http takes it back when the body has come
		}
		next.ServeHTTP(&answer{w, &slowly{w, c}}, r)
	})
}

// answer may be read slowly, but not never.
type answer struct {
	http.ResponseWriter
	out io.Writer
}

func (a *answer) Write(b []byte) (int, error) { return a.out.Write(b) }

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
