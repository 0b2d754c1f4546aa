package presence

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Tree is the process from which the processes of one command that somebody has
// typed, or of one batch script, descend: the topmost ancestor of this process
// that belongs to the same user, below the shell of a terminal. Where there is no
// terminal it is the leader of the session; with beyond it is sought beyond
// sessions, too, for launchers that give each of their processes a session of its
// own. It is Self when this process is alone at the top.
func Tree(beyond bool) Owner {
	return topmost(func(p process) bool { return p.leader && !beyond },
		func(above process) bool { return above.leader && above.tty != 0 }) // the shell of a terminal
}

// Top is the process from which everything of one batch job on this machine
// descends that this process can know of: its topmost ancestor of the same user,
// whatever the sessions and terminals between. The batch system's own daemon,
// above it, belongs to root; so for root it means nothing.
func Top() Owner {
	never := func(process) bool { return false }
	return topmost(never, never)
}

// topmost climbs from this process through those of the same user until one is
// the last, or the one above it is not to be entered.
func topmost(last, outside func(process) bool) Owner {
	self := Self()
	root := self
	uid := os.Getuid()
	for pid := self.PID; ; {
		p, err := look(pid)
		if err != nil {
			return root
		}
		root = Owner{Machine: self.Machine, PID: pid, Start: p.start}
		if last(p) || p.parent <= 1 || uidOf(p.parent) != uid {
			return root
		}
		above, err := look(p.parent)
		if err != nil || outside(above) {
			return root
		}
		pid = p.parent
	}
}

// Starter is the nearest ancestor of this process that was not itself started with one
// of the given variables: of a process that a launcher has marked by them, the
// launcher. One whose environment cannot be read is another user's, and so is it.
func Starter(variables []string) Owner {
	self := Self()
	p, err := look(self.PID)
	for err == nil && p.parent > 1 {
		self.PID = p.parent
		if p, err = look(self.PID); err != nil {
			break
		}
		self.Start = p.start
		if !startedWith(self.PID, variables) {
			return self
		}
	}
	return self
}

// startedWith reports whether a process was given one of the variables.
func startedWith(pid int, variables []string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for pair := range strings.SplitSeq(string(text), "\x00") {
		if name, _, _ := strings.Cut(pair, "="); slices.Contains(variables, name) {
			return true
		}
	}
	return false
}

// uidOf is the user of a process, or -1.
func uidOf(pid int) int {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return -1
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
