package main

import (
	"sync"
	"syscall"
)

// plan says which operation fails.
type plan struct {
	mu    sync.Mutex
	count int
	at    int // 0 for none
	errno syscall.Errno
	what  string // the operation that failed
}

// arm begins to count anew and returns what was since the last time.
func (p *plan) arm(at int, errno syscall.Errno) (count int, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count, what = p.count, p.what
	if what == "" {
		what = "-"
	}
	p.count, p.at, p.errno, p.what = 0, at, errno, ""
	return count, what
}

// next counts an operation and returns its error, 0 for none.
func (p *plan) next(what string) syscall.Errno {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if p.count != p.at {
		return 0
	}
	p.what = what
	return p.errno
}
