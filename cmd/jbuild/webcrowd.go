package main

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// What others of the machine may open without a session; one person's pages have a dozen.
const (
	mostConnections = 1000
	mostWaiting     = 100 // that say nothing
)

// crowd closes the oldest of too many connections that say nothing: they must not keep
// the owner out.
type crowd struct {
	mu      sync.Mutex
	waiting []net.Conn // the oldest first
}

// changed is a http.Server's ConnState.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, conn); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	if state != http.StateNew && state != http.StateIdle {
		return
	}
	c.waiting = append(c.waiting, conn)
	if len(c.waiting) > mostWaiting {
		go c.waiting[0].Close() // with TLS it may take its time
		c.waiting = slices.Delete(c.waiting, 0, 1)
	}
}
