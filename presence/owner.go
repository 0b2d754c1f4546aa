package presence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Owner is a process.
type Owner struct {
	Machine string `json:"machine"` // 12 hexadecimal digits, see [Machine]
	PID     int    `json:"pid"`
	Start   uint64 `json:"start"` // clock ticks after boot, field 22 of proc_pid_stat(5)
}

// Self is this process. A later execve leaves it the same.
func Self() Owner {
	pid := os.Getpid()
	p, _ := look(pid) // Start is 0 if /proc is missing: nobody is then thought gone
	return Owner{Machine: Machine(), PID: pid, Start: p.start}
}

// Machine names the running kernel and this process's pid namespace; "unknown"
// where /proc does not tell. It changes with every boot.
var Machine = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	namespace, linkErr := os.Readlink("/proc/self/ns/pid")
	if err != nil || linkErr != nil {
		return "unknown"
	}
	sum := sha256.Sum256(append(bytes.TrimSpace(boot), namespace...))
	return hex.EncodeToString(sum[:6])
})

// Here reports whether o runs, or ran, on this machine, so that Gone can tell.
func (o Owner) Here() bool {
	return o.Machine == Machine() && o.Machine != "unknown" && o.PID > 0
}

// Gone reports whether o is certainly no more. Of a process on another machine,
// or one that /proc hides, it says false.
func (o Owner) Gone() bool {
	if !o.Here() || o.Start == 0 {
		return false
	}
	p, err := look(o.PID)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat("/proc/self/stat") // else /proc is not there
		return err == nil
	}
	return err == nil && (p.start != o.Start || p.state == 'Z' || p.state == 'X')
}

// String is a form that file names can hold: machine.pid.start.
func (o Owner) String() string {
	return fmt.Sprintf("%s.%d.%d", o.Machine, o.PID, o.Start)
}

// Parse is the inverse of String.
func Parse(s string) (Owner, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return Owner{}, fmt.Errorf("reading the owner %q: want machine.pid.start", s)
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return Owner{}, fmt.Errorf("reading the owner %q: %w", s, err)
	}
	start, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return Owner{}, fmt.Errorf("reading the owner %q: %w", s, err)
	}
	return Owner{Machine: parts[0], PID: pid, Start: start}, nil
}

// process is what /proc/<pid>/stat says of one.
type process struct {
	state       byte
	parent, tty int
	leader      bool // of its session
	start       uint64
}

// look reads /proc/<pid>/stat. The name of the program, in parentheses, may hold
// anything.
func look(pid int) (process, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	text := string(b)
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	// Fields are numbered from 1 in proc_pid_stat(5); the first here is number 3.
	const first, startField = 3, 22
	if len(fields) <= startField-first {
		return process{}, fmt.Errorf("reading /proc/%d/stat: it has too few fields", pid)
	}
	p := process{state: fields[0][0]}
	var session int
	for field, into := range map[int]*int{4: &p.parent, 6: &session, 7: &p.tty} {
		if *into, err = strconv.Atoi(fields[field-first]); err != nil {
			return process{}, fmt.Errorf("reading /proc/%d/stat: %w", pid, err)
		}
	}
	p.leader = session == pid
	p.start, err = strconv.ParseUint(fields[startField-first], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("reading /proc/%d/stat: %w", pid, err)
	}
	return p, nil
}
