package ordinary

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// EndAll kills all that runs as the account and returns when it is gone. Tests look for what
// they leave, and would find what an earlier run has left that was killed itself. What runs
// as the current user is nobody's to kill.
func (a *Account) EndAll() error {
	if a.Credential() == nil {
		return nil
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		pids := a.processes()
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the processes %v of %s do not end", pids, a.Name)
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
}

// processes lists those whose real uid is the account's, but for zombies, whose parents may
// be slow.
func (a *Account) processes() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/status") // the pattern is well formed
	for _, name := range all {
		status, err := os.ReadFile(name)
		pid, pidErr := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && pidErr == nil && bytes.Contains(status, fmt.Appendf(nil, "\nUid:\t%d\t", a.UID)) && !bytes.Contains(status, []byte("\nState:\tZ")) {
			pids = append(pids, pid)
		}
	}
	return pids
}
