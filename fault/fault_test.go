package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormat(t *testing.T) {
	cause := errors.New("no such tag")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"three parts", New("cannot pull x", cause, "jrun images"), "jrun: cannot pull x\n  why:  no such tag\n  next: jrun images\n"},
		{"several suggestions", New("w", cause, "a\nb"), "jrun: w\n  why:  no such tag\n  next: a\n  next: b\n"},
		{"no cause", New("w", nil, "a"), "jrun: w\n  next: a\n"},
		{"no advice", New("w", cause, ""), "jrun: w\n  why:  no such tag\n"},
		{"wrapped", fmt.Errorf("outer: %w", New("w", cause, "a")), "jrun: w\n  why:  no such tag\n  next: a\n"},
		{"ordinary", cause, "jrun: no such tag\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Format("jrun", test.err)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestError(t *testing.T) {
	f := Newf(fs.ErrNotExist, "look", "cannot read %q", "x")
	if got := f.Error(); got != `cannot read "x": file does not exist` {
		t.Errorf("text is %q", got)
	}
	if !errors.Is(f, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if got := ExitCode(f); got != ExitFailed {
		t.Errorf("exit code is %d", got)
	}
	f.Code = ExitNotFound
	if got := ExitCode(fmt.Errorf("outer: %w", f)); got != ExitNotFound {
		t.Errorf("exit code is %d", got)
	}
	if got := ExitCode(errors.New("x")); got != ExitFailed {
		t.Errorf("exit code of an ordinary error is %d", got)
	}
}

func TestNothingControlsTheTerminal(t *testing.T) {
	err := New("a\x1b[2J", errors.New("b\r\u202ec\td"), "e\x07\nf é 画")
	want := "jrun: a\uFFFD[2J\n  why:  b\uFFFD\uFFFDc\td\n  next: e\uFFFD\n  next: f é 画\n"
	if diff := cmp.Diff(want, Format("jrun", err)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
