//go:build e2e

package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// proc is one running process.
type proc struct {
	pid  int
	args []string
}

// processes lists what runs of jrun as the user. A test user has nothing else
// to run, so everything counts then.
func processes(user *ordinary.Account) []proc {
	all := allProcesses(user)
	if user.Credential() != nil {
		return all
	}
	return slices.DeleteFunc(all, func(p proc) bool {
		return !strings.HasPrefix(filepath.Base(p.args[0]), "jrun")
	})
}

// allProcesses lists what runs as the user, but for this process.
func allProcesses(user *ordinary.Account) []proc {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	var found []proc
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		info, err := entry.Info()
		if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != user.UID && !realUID(pid, user.UID) {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue // gone, or waiting to be reaped
		}
		args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		if pid != os.Getpid() {
			found = append(found, proc{pid, args})
		}
	}
	return found
}

// realUID says whether a process belongs to uid. The owner of its /proc folder
// is root when the process cannot be dumped, which ours are.
func realUID(pid, uid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && bytes.Contains(status, fmt.Appendf(nil, "\nUid:\t%d\t", uid))
}

// mounts lists the mounts of jrun in the mount namespaces of the user's
// processes, and the user's in that of this process. A namespace without
// processes is gone.
func mounts(user *ordinary.Account) []string {
	found := mountsIn("self", fmt.Sprintf("user_id=%d,", user.UID))
	for _, p := range processes(user) {
		for _, line := range mountsIn(itoa(p.pid), "jrun") {
			if !slices.Contains(found, line) {
				found = append(found, line)
			}
		}
	}
	return found
}

// mountsIn lists the mounts that a process sees and whose type, source or
// options hold text.
func mountsIn(pid, text string) []string {
	table, err := os.ReadFile(filepath.Join("/proc", pid, "mountinfo"))
	if err != nil {
		return nil // ended
	}
	var found []string
	for line := range strings.Lines(string(table)) {
		if _, kind, _ := strings.Cut(line, " - "); strings.Contains(kind, text) {
			found = append(found, line)
		}
	}
	return found
}

// sockets lists the abstract ones at which sandboxes of the user are found, in the network
// namespace of a process.
func sockets(pid string, user *ordinary.Account) []string {
	table, err := os.ReadFile(filepath.Join("/proc", pid, "net/unix"))
	if err != nil {
		return nil // ended
	}
	var found []string
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, fmt.Sprintf(" @jrun/%d/", user.UID)) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// stuck lists killed processes that have no arguments any more but threads that
// cannot end.
func stuck(user *ordinary.Account) []string {
	leaders, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		panic(err)
	}
	var found []string
	for _, leader := range leaders {
		dir := filepath.Dir(leader)
		info, err := os.Stat(dir)
		if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != user.UID {
			continue
		}
		line, err := os.ReadFile(leader)
		threads, threadsErr := os.ReadDir(filepath.Join(dir, "task"))
		if err == nil && threadsErr == nil && len(line) == 0 && len(threads) > 1 {
			found = append(found, dir+" has ended, but not all of its threads")
		}
	}
	return found
}

// leftovers lists the user's files where programs put temporary ones.
func leftovers(user *ordinary.Account) []string { return leftoversBelow("/", user) }

// leftoversBelow does so in a file system that another process has as its root.
func leftoversBelow(root string, user *ordinary.Account) []string {
	var found []string
	runtimeDir := fmt.Sprintf("/run/user/%d", user.UID)
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run/lock", runtimeDir, user.Home, filepath.Join(user.Home, ".local")} {
		dir = filepath.Join(root, dir)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // not on this machine
		}
		for _, entry := range entries {
			info, err := entry.Info()
			ours := !strings.HasPrefix(strings.TrimPrefix(entry.Name(), "."), "pbs_") // qsub and qstat remember their server
			if err == nil && ours && int(info.Sys().(*syscall.Stat_t).Uid) == user.UID {
				found = append(found, filepath.Join(dir, entry.Name()))
			}
		}
	}
	return found
}

// unfinished lists files in a store that are neither objects nor what says
// something about them.
func unfinished(store string) []string {
	var found []string
	err := filepath.WalkDir(store, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") && path != store {
			found = append(found, path)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		found = append(found, err.Error())
	}
	return found
}

// requireNothingLeft fails the test when, soon after, a process, a mount, a socket or a
// temporary file is still there.
func requireNothingLeft(t *testing.T, user *ordinary.Account, store string, before []string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, p := range processes(user) {
			left = append(left, fmt.Sprintf("process %d %q", p.pid, p.args))
		}
		left = append(left, stuck(user)...)
		for _, m := range mounts(user) {
			left = append(left, "mount "+m)
		}
		for _, name := range sockets("self", user) {
			left = append(left, "socket "+name)
		}
		if len(left) == 0 {
			break
		}
	}
	for _, path := range leftovers(user) {
		if !slices.Contains(before, path) {
			left = append(left, "file "+path)
		}
	}
	for _, path := range unfinished(store) {
		left = append(left, "unfinished file "+path)
	}
	if len(left) > 0 {
		t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
	}
	for _, p := range processes(user) {
		syscall.Kill(p.pid, syscall.SIGKILL) // so that the next test starts clean
	}
}
