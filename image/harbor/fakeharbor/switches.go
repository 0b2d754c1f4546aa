package fakeharbor

import "time"

// DirectoryState is how the directory (LDAP) is.
type DirectoryState int

// States of the directory.
const (
	DirectoryUp          DirectoryState = iota
	DirectoryDown                       // refuses connections: logins are 401 at once
	DirectoryUnreachable                // cannot be connected to: logins are 401 after DirectoryTimeout
	DirectoryHanging                    // accepts connections and says nothing: logins get no answer
)

// switches are what can be wrong with a Harbor.
type switches struct {
	directory    DirectoryState
	databaseDown flip
	backendDown  flip
	redisDown    flip
	backendHangs bool
	coreDown     bool
	readOnly     bool
	delay        time.Duration
}

// flip is a switch that /health is behind of.
type flip struct {
	on bool
	at time.Time
}

// seen is the switch as it was lag ago.
func (f flip) seen(lag time.Duration) bool {
	if f.at.IsZero() || time.Since(f.at) >= lag {
		return f.on
	}
	return !f.on
}

func (s *Server) set(f func(*switches)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.switches)
}

// SetDirectory breaks LDAP, or mends it. Local accounts and robots can log in
// all the same, and /health stays "healthy".
func (s *Server) SetDirectory(state DirectoryState) {
	s.set(func(sw *switches) { sw.directory = state })
}

// SetDatabaseDown stops PostgreSQL: 401 everywhere on /v2, with the database's
// error, and for robots and local accounts after LoginDelay.
func (s *Server) SetDatabaseDown(down bool) {
	s.set(func(sw *switches) { sw.databaseDown = flip{down, time.Now()} })
}

// SetBackendDown stops the storage registry: 502 with nothing.
func (s *Server) SetBackendDown(down bool) {
	s.set(func(sw *switches) { sw.backendDown = flip{down, time.Now()} })
}

// SetBackendHanging makes the storage registry accept requests, and say nothing:
// what needs it gets no answer.
func (s *Server) SetBackendHanging(hangs bool) {
	s.set(func(sw *switches) { sw.backendHangs = hangs })
}

// SetRedisDown stops redis: everything works, slowly.
func (s *Server) SetRedisDown(down bool) {
	s.set(func(sw *switches) { sw.redisDown = flip{down, time.Now()} })
}

// SetCoreDown leaves nginx alone: 502 with HTML.
func (s *Server) SetCoreDown(down bool) {
	s.set(func(sw *switches) { sw.coreDown = down })
}

// SetReadOnly forbids all changes.
func (s *Server) SetReadOnly(readOnly bool) {
	s.set(func(sw *switches) { sw.readOnly = readOnly })
}

// SetDelay makes every answer slow.
func (s *Server) SetDelay(d time.Duration) {
	s.set(func(sw *switches) { sw.delay = d })
}
