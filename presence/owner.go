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
	_, start, _ := stat(pid) // 0, if /proc is missing: nobody is then thought gone
	return Owner{Machine: Machine(), PID: pid, Start: start}
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
	state, start, err := stat(o.PID)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat("/proc/self/stat") // else /proc is not there
		return err == nil
	}
	return err == nil && (start != o.Start || state == 'Z' || state == 'X')
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

// stat reads the state and the start time of a process. Its name, in
// parentheses, may hold anything.
func stat(pid int) (state byte, start uint64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, ok := cutLast(string(b), ") ")
	fields := strings.Fields(rest)
	const startField = 22 - 3 // the first field of rest is number 3
	if !ok || len(fields) <= startField {
		return 0, 0, fmt.Errorf("reading /proc/%d/stat: it has too few fields", pid)
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	return fields[0][0], start, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
