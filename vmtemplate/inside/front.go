package inside

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Busy names the program that would lose something if the terminal's shell ended now: the
// one in the foreground in place of the shell, or else one that was stopped (Ctrl-Z). It
// is empty while the shell itself waits for a line, and when nothing runs. Programs in the
// background do not count: leaving a shell has always ended them, without a word.
func (t *Terminal) Busy() string {
	name, _ := t.others()
	return name
}

// HangUp ends the programs that Busy speaks of, as closing the window of a terminal does:
// editors keep beside the file what is not saved. What does not end is killed.
func (t *Terminal) HangUp() error {
	for _, try := range []struct {
		signals []unix.Signal
		within  time.Duration
	}{
		{[]unix.Signal{unix.SIGHUP, unix.SIGCONT}, 3 * time.Second},
		{[]unix.Signal{unix.SIGKILL}, time.Second},
	} {
		_, groups := t.others()
		for _, group := range groups {
			for _, s := range try.signals {
				_ = unix.Kill(-group, s) // it may have ended
			}
		}
		for end := time.Now().Add(try.within); len(groups) > 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			_, groups = t.others()
		}
		if len(groups) == 0 {
			return nil
		}
	}
	return errors.New("a program in the terminal does not end")
}

// others are the process groups on the terminal that Busy speaks of, and the name of one
// program of theirs. The numbers are of this process's namespace.
func (t *Terminal) others() (name string, groups []int) {
	session, front := t.leaders()
	if session <= 0 {
		return "", nil
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		p, ok := readStat(stat)
		if !ok || p.session != session || p.pid == session {
			continue
		}
		inFront := p.group == front && front != session
		if !inFront && p.state != "T" || p.state == "Z" {
			continue
		}
		// The first of a pipe leads its group.
		if name == "" || inFront && p.pid == p.group {
			name = p.name
		}
		if !slices.Contains(groups, p.group) {
			groups = append(groups, p.group)
		}
	}
	return name, groups
}

// leaders are the shell and the leader of the process group in the foreground; 0 when the
// terminal is not served.
func (t *Terminal) leaders() (session, front int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.master == nil {
		return 0, 0
	}
	raw, err := t.master.SyscallConn()
	if err != nil {
		return 0, 0
	}
	err = raw.Control(func(fd uintptr) {
		var noSession, noFront error
		session, noSession = unix.IoctlGetInt(int(fd), unix.TIOCGSID)
		front, noFront = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP)
		if errors.Join(noSession, noFront) != nil {
			session, front = 0, 0
		}
	})
	if err != nil {
		return 0, 0
	}
	return session, front
}

// process is what proc_pid_stat(5) says of one.
type process struct {
	pid, group, session int
	name, state         string
}

func readStat(file string) (p process, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return p, false // it has ended
	}
	number, rest, _ := strings.Cut(string(b), " (")
	end := strings.LastIndex(rest, ") ") // a name may have anything in it
	if end < 0 {
		return p, false
	}
	fields := strings.Fields(rest[end+2:])
	if len(fields) < 4 {
		return p, false
	}
	p.name, p.state = rest[:end], fields[0]
	p.pid, _ = strconv.Atoi(number)
	p.group, _ = strconv.Atoi(fields[2])
	p.session, _ = strconv.Atoi(fields[3])
	return p, p.pid > 0
}
