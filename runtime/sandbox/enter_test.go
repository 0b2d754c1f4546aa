package sandbox

import (
	"errors"
	"os"
	"strings"
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
	text, err := joinPlan([]*os.File{os.Stdin, os.Stdout, os.Stderr}, Command{Program: "/bin/a", Args: []string{"a", ""}, Env: []string{"X=1"}, Dir: "/d", Words: []string{"why", "理由"}})
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Split(string(text), "\x00")
	if len(fields) != 3+2+1+1+1+2+1+1+1+2+1 {
		t.Fatalf("the plan has %d fields: %q", len(fields), fields)
	}
	if got := strings.Join(fields[5:], "|"); got != "/d|/bin/a|2|a||1|X=1|2|why|理由|" {
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
