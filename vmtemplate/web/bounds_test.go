package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestBodyThatDoesNotCome: a connection ends whose body does not come, whether anybody
// reads it or not.
func TestBodyThatDoesNotCome(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"read":     func(w http.ResponseWriter, r *http.Request) { readJSON(w, r, new(any)) },
		"not read": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "log in first", http.StatusUnauthorized) },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(bounded(50*time.Millisecond, handle))
			defer s.Close()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
			if err = errors.Join(err, conn.SetReadDeadline(time.Now().Add(20*time.Second))); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil { // until it is closed
				t.Error(err)
			}
		})
	}
}
