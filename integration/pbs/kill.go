package pbs

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Delete ends a job.
func (m *Mom) Delete(_ context.Context, id string) error {
	r := m.job(id)
	r.mu.Lock()
	r.deleted = true
	r.mu.Unlock()
	m.kill(r)
	return nil
}

// Rerun ends a job and starts it again.
func (m *Mom) Rerun(_ context.Context, id string) error {
	r := m.job(id)
	r.mu.Lock()
	r.again = true
	r.mu.Unlock()
	m.kill(r)
	return nil
}

func (m *Mom) kill(r *running) {
	r.signal(syscall.SIGTERM)
	r.mu.Lock()
	sessions := slices.Clone(r.sessions)
	r.mu.Unlock()
	time.AfterFunc(m.KillDelay, func() { signalSessions(sessions, syscall.SIGKILL) })
}

func (r *running) signal(s syscall.Signal) {
	r.mu.Lock()
	sessions := slices.Clone(r.sessions)
	r.mu.Unlock()
	signalSessions(sessions, s)
}

// signalSessions signals every process of the sessions.
func signalSessions(sessions []int, s syscall.Signal) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, name := range stats {
		text := readAll(name)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // state ppid pgrp session
		if len(fields) < 4 {
			continue
		}
		session, err := strconv.Atoi(fields[3])
		pid, pidErr := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && pidErr == nil && slices.Contains(sessions, session) {
			_ = syscall.Kill(pid, s)
		}
	}
}
