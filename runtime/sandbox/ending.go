package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// jobPoll is how often a holder looks whether its batch job is still there: a
	// batch system kills a job's sessions, but no process that has left them.
	jobPoll = 5 * time.Second

	// EndSignal makes a holder end everything in its sandbox. Nothing else sends it:
	// the usual ones are for jobs, and holders ignore them.
	EndSignal = unix.SIGPWR
)

// endWithJob ends what runs in the mount namespace inside when job has ended on this
// machine, or somebody who looks after the machine says so.
func endWithJob(job Job, inside string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, EndSignal)
	var polls <-chan time.Time
	if _, err := os.Lstat(job.File); err == nil {
		ticker := time.NewTicker(jobPoll)
		defer ticker.Stop()
		polls = ticker.C
	}
	for {
		select {
		case <-told:
			endInside(inside)
		case <-polls:
			if _, err := os.Lstat(job.File); errors.Is(err, fs.ErrNotExist) {
				endInside(inside)
			}
		}
	}
}

// mountNamespace is the name of an open mount namespace, as in /proc/PID/ns/mnt.
func mountNamespace(ns *os.File) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &st); err != nil {
		return "", err
	}
	return "mnt:[" + strconv.FormatUint(st.Ino, 10) + "]", nil
}

// endInside kills every process in a mount namespace, and those that they start
// meanwhile.
func endInside(namespace string) {
	for range 100 {
		found := false
		links, _ := filepath.Glob("/proc/[0-9]*/ns/mnt") // the pattern is well formed
		for _, link := range links {
			if name, err := os.Readlink(link); err != nil || name != namespace {
				continue // also what belongs to others
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link))))
			if err == nil && pid != os.Getpid() && unix.Kill(pid, unix.SIGKILL) == nil {
				found = true
			}
		}
		if !found {
			return
		}
		time.Sleep(10 * time.Millisecond) // a killed process is there until it has ended
	}
}
