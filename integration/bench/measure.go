package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
	"golang.org/x/sys/unix"
)

// sample is one measurement of a command.
type sample struct {
	WallSeconds float64 // until the last copy of the command ended
	CPUSeconds  float64 // user and system, of all descendants
	PeakBytes   int64   // the largest resident set of any one process
	// OrphanBytes is the same of processes that outlived their parents, which
	// servers of file systems do.
	OrphanBytes    int64
	Output         string `json:"-"`
	TemporaryBytes int64  `json:"-"` // of disk, if somebody watched it
}

// copiesVariable tells the program that it is to measure, and how many copies
// of its arguments to run at once.
const copiesVariable = "BENCH_COPIES"

// leaveVariable tells it not to wait for what outlives the command.
const leaveVariable = "BENCH_LEAVE"

// reportFD is where the measuring child writes its sample.
const reportFD = 3

// task is a command to measure.
type task struct {
	user   *ordinary.Account // nil for root
	dir    string
	copies int // run at once; 0 means 1
	env    map[string]string
	stdin  string // name of a file; "" for none
	args   []string
	// leave is for commands that start what is to stay: nothing is waited for but the
	// command itself, and counted.
	leave bool
}

// measure runs a task in a child that counts.
func measure(ctx context.Context, t task) (sample, error) {
	report, reportEnd, err := os.Pipe()
	if err != nil {
		return sample{}, err
	}
	defer report.Close()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", t.args...)
	cmd.Dir = t.dir
	env := map[string]string{"PATH": os.Getenv("PATH"), "HOME": "/root"}
	if t.user != nil {
		env = t.user.Environment()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: t.user.Credential()}
	}
	maps.Copy(env, t.env)
	env[copiesVariable] = strconv.Itoa(max(t.copies, 1))
	if t.leave {
		env[leaveVariable] = "1"
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	if t.stdin != "" {
		stdin, err := os.Open(t.stdin)
		if err != nil {
			return sample{}, err
		}
		defer stdin.Close()
		cmd.Stdin = stdin
	}
	cmd.ExtraFiles = []*os.File{reportEnd} // becomes reportFD
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	// A file, since what stays may keep it open.
	stderr, err := os.CreateTemp("", "bench-stderr-")
	if err != nil {
		return sample{}, errors.Join(err, reportEnd.Close())
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	err = errors.Join(os.Remove(stderr.Name()), cmd.Run())
	reportEnd.Close()
	if err != nil {
		text, _ := io.ReadAll(io.NewSectionReader(stderr, 0, 1<<20))
		return sample{}, fmt.Errorf("measuring %q: %w: %s", t.args, err, text)
	}
	s := sample{Output: stdout.String()}
	if err := json.NewDecoder(report).Decode(&s); err != nil {
		return sample{}, fmt.Errorf("measuring %q: %w", t.args, err)
	}
	return s, nil
}

// measureHere is the child's part.
func measureHere(copies int, args []string) error {
	unix.CloseOnExec(reportFD)
	// Descendants whose parents end become children of this process.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming a subreaper: %w", err)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	leave := os.Getenv(leaveVariable) != ""
	os.Unsetenv(copiesVariable)
	os.Unsetenv(leaveVariable)
	attr := &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	running := map[int]bool{}
	began := time.Now()
	for range copies {
		process, err := os.StartProcess(path, args, attr)
		if err != nil {
			return err
		}
		running[process.Pid] = true
	}
	var s sample
	for len(running) > 0 || !leave {
		var status syscall.WaitStatus
		var usage syscall.Rusage
		pid, err := syscall.Wait4(-1, &status, 0, &usage)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.ECHILD) {
			break
		}
		if err != nil {
			return err
		}
		s.CPUSeconds += seconds(usage.Utime) + seconds(usage.Stime)
		s.PeakBytes = max(s.PeakBytes, usage.Maxrss*1024)
		if !running[pid] {
			s.OrphanBytes = max(s.OrphanBytes, usage.Maxrss*1024)
		}
		if running[pid] {
			delete(running, pid)
			s.WallSeconds = time.Since(began).Seconds()
			if status != 0 {
				return fmt.Errorf("%q ended with status %d, signal %d", args, status.ExitStatus(), status.Signal())
			}
		}
	}
	return json.NewEncoder(os.NewFile(reportFD, "report")).Encode(s)
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
