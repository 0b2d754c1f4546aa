package sandbox

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
)

// requireAdvice checks that err has the three parts that a person needs.
func requireAdvice(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.What == "" || f.Why == nil || f.Next == "" {
		t.Errorf("error %v does not say what, why and what next", err)
	}
}

func TestStepFaults(t *testing.T) {
	for _, group := range probeSteps {
		for _, step := range group.steps {
			for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.ENOSPC, syscall.ENOENT, syscall.EINVAL, syscall.ENODEV} {
				requireAdvice(t, stepFault(step, errno))
			}
		}
	}
	err := stepFault("devfuse", syscall.EPERM)
	var f *fault.Error
	if !errors.As(err, &f) || !strings.Contains(f.Next, "c 10:229 rwm") {
		t.Errorf("a cgroup that forbids /dev/fuse is answered with %v", err)
	}
}

func TestParseStatus(t *testing.T) {
	if err := parseStatus(statusReady); err != nil {
		t.Errorf("ready: %v", err)
	}
	for _, text := range []string{"", "devfuse 13", "serving the image: no such luck"} {
		requireAdvice(t, parseStatus(text))
	}
	if err := parseStatus("devfuse 13"); !errors.Is(err, syscall.EACCES) {
		t.Errorf("the error number is lost: %v", err)
	}
}

func TestJoinPlan(t *testing.T) {
	text, err := joinPlan([]*os.File{os.Stdin, os.Stdout, os.Stderr}, Command{Args: []string{"a", ""}, Env: []string{"X=1"}, Dir: "/d"})
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Split(string(text), "\x00")
	if len(fields) != 3+2+1+1+2+1+1+1 {
		t.Fatalf("the plan has %d fields: %q", len(fields), fields)
	}
	if got := strings.Join(fields[5:], "|"); got != "/d|2|a||1|X=1|" {
		t.Errorf("the plan is %q", got)
	}
	for _, bad := range []Command{{Args: []string{"a\x00b"}}, {Env: []string{"A=\x00"}}, {Dir: "\x00"}} {
		if _, err := joinPlan(nil, bad); err == nil {
			t.Errorf("a NUL byte in %+v goes unnoticed", bad)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	a, err := NewKey("job", 1)
	if err != nil {
		t.Fatal(err)
	}
	same, _ := NewKey("job", 1)
	other, _ := NewKey("job", 2)
	if a != same || a == other {
		t.Errorf("keys are %s, %s and %s", a, same, other)
	}
}

// Of many processes that come at once exactly one creates; when it ends, the
// next one does.
func TestRendezvous(t *testing.T) {
	key, err := NewKey(t.Name(), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var creators []*net.UnixListener
	var joiners []*net.UnixConn
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			conn, listener, err := rendezvous(t.Context(), key)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case listener != nil:
				creators = append(creators, listener)
			default:
				joiners = append(joiners, conn)
			}
		})
	}
	group.Wait()
	if len(creators) != 1 || len(joiners) != 31 {
		t.Fatalf("%d created and %d joined", len(creators), len(joiners))
	}
	creators[0].Close()
	for _, conn := range joiners {
		if _, err := receiveDescriptors(conn, &reply{}); !errors.Is(err, errGone) {
			t.Errorf("a joiner whose creator ended got %v", err)
		}
		conn.Close()
	}
	_, again, err := rendezvous(t.Context(), key)
	if err != nil || again == nil {
		t.Fatalf("the name is not free again: %v", err)
	}
	again.Close()
}

func TestDescriptorsTravel(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]*net.UnixConn, 2)
	for i, fd := range pair {
		file := os.NewFile(uintptr(fd), "end")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ends[i] = conn.(*net.UnixConn)
	}
	file, err := memoryFile("test", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	long := strings.Repeat("x", 1<<20)
	go func() {
		if err := sendDescriptors(ends[0], []*os.File{file}, long); err != nil {
			t.Error(err)
		}
	}()
	var message string
	files, err := receiveDescriptors(ends[1], &message)
	if err != nil || len(files) != 1 || message != long {
		t.Fatalf("received %d files and %d bytes: %v", len(files), len(message), err)
	}
	defer closeAll(files)
	text, err := io.ReadAll(files[0])
	if err != nil || string(text) != "content" {
		t.Errorf("the descriptor reads %q, %v", text, err)
	}
}
