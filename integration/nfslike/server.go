package nfslike

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Server is the file server of one directory. What it says is the truth.
type Server struct {
	backing string
	options Options

	// mu is held for each request, so that they come one after the other. It is
	// the last to be taken: whoever holds it waits for no other mutex but a
	// client's mu.
	mu       sync.Mutex
	handles  map[fileID]*handle
	clients  uint64        // mounted so far
	created  uint64        // handles so far
	replies  uint64        // attributes given out so far
	sillies  uint32        // names given to removed files so far
	unlocked chan struct{} // closed when a lock goes
}

// NewServer makes a server of the directory backing. It has no state outside:
// there is nothing to close when its nodes are unmounted.
func NewServer(backing string, o Options) *Server {
	return &Server{backing: backing, options: o, handles: map[fileID]*handle{}, unlocked: make(chan struct{})}
}

// root returns the handle of the exported directory.
func (s *Server) root() (*handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.find(unix.AT_FDCWD, s.backing)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", s.backing, err)
	}
	return h, nil
}

// release gives back one reference.
func (s *Server) release(h *handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(h)
}
