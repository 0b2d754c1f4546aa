package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain lets the test program be one of many that append.
func TestMain(m *testing.M) {
	if job := os.Getenv("AUDIT_TEST_JOB"); job != "" {
		os.Exit(appender(job, os.Getenv("AUDIT_TEST_LOG")))
	}
	m.Run()
}

// appender does as many acts as job says; with "N/BYTES", while files may not be
// longer than that.
func appender(job, file string) int {
	count, most, limited := strings.Cut(job, "/")
	acts, err := strconv.Atoi(count)
	if err != nil {
		return 2
	}
	if limited {
		bytes, err := strconv.ParseUint(most, 10, 64)
		if err != nil {
			return 2
		}
		signal.Ignore(syscall.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: bytes}); err != nil {
			return 2
		}
	}
	log := Open(file, "jadm")
	for i := range acts {
		err := log.Do(Act{Action: "test", Subject: fmt.Sprintf("%d of %d", i, os.Getpid())}, func() error {
			fmt.Println("did", i)
			return nil
		})
		if err != nil {
			fmt.Println("refused:", err)
			return 1
		}
	}
	return 0
}

func appending(job, file string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AUDIT_TEST_JOB="+job, "AUDIT_TEST_LOG="+file)
	return cmd
}

// TestManyProcesses: entries of several processes and goroutines are one chain.
func TestManyProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if out, err := appending("15", file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		all.Go(func() { fill(t, file, 10) })
	}
	all.Go(func() {
		for range 5 {
			if _, err := Open(file, "jadm").Rotate(Rotation{Now: true}); err != nil {
				t.Error(err)
			}
			if _, err := VerifyFiles(file); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	r := verified(t, file)
	if !r.OK() || len(r.Interrupted) != 0 || r.Entries < 2*4*(15+10) {
		t.Errorf("report is %+v", r)
	}
}

// TestKilled: wherever appenders are killed, the log verifies and goes on.
func TestKilled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	for range 12 {
		cmd := appending("1000000", file)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 64)); err != nil { // it is at work
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if r := verified(t, file); !r.OK() || len(r.Interrupted) > 12 {
			t.Fatalf("report is %+v", r)
		}
	}
	fill(t, file, 1)
	if r := verified(t, file); !r.OK() || r.Torn != 0 {
		t.Errorf("report is %+v", r)
	}
	// They leave nothing that somebody would have to remove.
	for _, name := range []string{".jsonl", ".jsonl.head", ".jsonl.lock"} {
		if err := os.Remove(filepath.Join(filepath.Dir(file), "audit"+name)); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) > 0 {
		t.Errorf("what was killed has left %v, %v", left, err)
	}
}

// TestPowerCut: of the bytes of an entry that was not acknowledged, a power cut leaves
// any number. What was acknowledged before is there and verifies, and the next entry
// follows it.
func TestPowerCut(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "audit.jsonl")
	fill(t, file, 2)
	before, noted := read(t, file), read(t, headFile(file))
	fill(t, file, 1)
	after := read(t, file)
	for n := len(before); n <= len(after); n++ {
		write(t, file, after[:n])
		write(t, headFile(file), noted)
		r := verified(t, file)
		whole := int64(bytes.Count(after[:n], []byte("\n")))
		if !r.OK() || r.Entries != whole {
			t.Fatalf("%d bytes: %+v", n, r)
		}
		if n%16 != 0 {
			continue // each act is six waits for the disk
		}
		fill(t, file, 1)
		if r := verified(t, file); !r.OK() || r.Entries != whole+2 || r.Torn != 0 {
			t.Fatalf("%d bytes, and one act more: %+v", n, r)
		}
	}
}

// TestFullDisk: where an entry finds no room, or half of it, the act is not done.
func TestFullDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	fill(t, file, 2)
	size := len(read(t, file))
	for _, room := range []int{0, 1, 100} {
		out, err := appending(fmt.Sprintf("1/%d", size+room), file).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.HasPrefix(string(out), "refused: it was not done") {
			t.Fatalf("%d bytes of room: %v: %s", room, err, out)
		}
		if r := verified(t, file); !r.OK() || r.Entries != 4 || r.Torn != 0 {
			t.Errorf("%d bytes of room: %+v", room, r)
		}
	}
	// Room for the beginning alone: it is done, and said that its end is not written down.
	begun := len(bytes.SplitAfter(read(t, file), []byte("\n"))[0])
	out, err := appending(fmt.Sprintf("1/%d", size+begun+begun/2), file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "did 0") || !strings.Contains(string(out), "writing how it ended") {
		t.Errorf("%v: %s", err, out)
	}
	if r := verified(t, file); !r.OK() || len(r.Interrupted) != 1 {
		t.Errorf("report is %+v", r)
	}
}

// TestNoNote: what is not done because the last entry cannot be noted does not seem to have
// been interrupted; how something has ended stays.
func TestNoNote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := fill(t, file, 1)
	draft := headFile(file) + ".new"
	if err := os.Mkdir(draft, 0o700); err != nil {
		t.Fatal(err)
	}
	done := false
	if err := log.Do(Act{Action: "test", Subject: "x"}, func() error { done = true; return nil }); err == nil || done {
		t.Errorf("it was done: %v, %v", done, err)
	}
	if r := verified(t, file); !r.OK() || r.Entries != 2 || len(r.Interrupted) != 0 {
		t.Errorf("report is %+v", r)
	}
	if err := os.Remove(draft); err != nil {
		t.Fatal(err)
	}
	err := log.Do(Act{Action: "test", Subject: "y"}, func() error { return os.Mkdir(draft, 0o700) })
	if r := verified(t, file); err == nil || !r.OK() || r.Entries != 4 || len(r.Interrupted) != 0 {
		t.Errorf("report is %+v, %v", r, err)
	}
	if err := os.Remove(draft); err != nil {
		t.Fatal(err)
	}
	fill(t, file, 1)
	if r := verified(t, file); !r.OK() || r.Entries != 6 {
		t.Errorf("report is %+v", r)
	}
}

// TestLastEntryIsFound: appending reads the end of the file, however long that is, and
// however long its lines are.
func TestLastEntryIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	log := fill(t, file, 1)
	long := strings.Repeat("x", mostLine-1000)
	for range 3 {
		if err := log.Do(Act{Action: "a", Subject: long}, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Do(Act{Action: "a", Subject: long + long}, nothing); !errors.Is(err, errTooLong) {
		t.Errorf("an entry that is too long: %v", err)
	}
	if err := log.Do(Act{Action: "a"}, func() error { return errors.New(long + long) }); err == nil || errors.Is(err, errTooLong) {
		t.Errorf("an error that is too long: %v", err)
	}
	if r := verified(t, file); !r.OK() || r.Entries != 10 {
		t.Errorf("report is %+v", r)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, acts := range []int{1, 3000} {
		b.Run(strconv.Itoa(acts), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "audit.jsonl")
			log := fill(b, file, acts)
			for b.Loop() {
				if err := log.Do(Act{Action: "a", Subject: "x"}, nothing); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
