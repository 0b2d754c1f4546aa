package stage

import (
	"net"
	"sync"
)

// wire is a listener whose connections can be cut, as when a laptop leaves its network.
type wire struct {
	net.Listener
	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

// Accept gives a connection, unless the wire is cut.
func (w *wire) Accept() (net.Conn, error) {
	for {
		c, err := w.Listener.Accept()
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		cut := w.cut
		if !cut {
			w.open[c] = true
		}
		w.mu.Unlock()
		if !cut {
			return &end{Conn: c, w: w}, nil
		}
		_ = c.Close()
	}
}

type end struct {
	net.Conn
	w *wire
}

func (e *end) Close() error {
	e.w.mu.Lock()
	delete(e.w.open, e.Conn)
	e.w.mu.Unlock()
	return e.Conn.Close()
}

// Cut closes all connections and lets no new ones in, until Mend.
func (s *Stage) Cut() {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.wire.cut = true
	for c := range s.wire.open {
		_ = c.Close()
	}
}

// Mend lets connections in again.
func (s *Stage) Mend() {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.wire.cut = false
}
