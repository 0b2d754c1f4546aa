package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

func TestAdvice(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		next string // empty: it stays as it is
	}{
		"Harbor refuses":    {fmt.Errorf("listing: %w", &harbor.Error{Status: 401}), "jadm doctor"},
		"Harbor is ill":     {fmt.Errorf("listing: %w", &harbor.Error{Status: 500}), "goes on where it was"},
		"a full disk":       {&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, "df -h"},
		"another's files":   {&fs.PathError{Op: "open", Path: "x", Err: os.ErrPermission}, "sudo -u jadm"},
		"something unknown": {errors.New("x"), ""},
		"a fault":           {fault.New("x", &harbor.Error{Status: 401}, "y"), ""},
		"interrupted":       {fmt.Errorf("asking: %w", context.Canceled), ""},
		"nothing":           {nil, ""},
	} {
		got := advised(tt.err)
		if tt.next == "" {
			if got != tt.err { //nolint:errorlint // the very same
				t.Errorf("%s becomes %v", name, got)
			}
			continue
		}
		if text := fault.Format("jadm", got); !strings.Contains(text, tt.next) || !strings.Contains(text, tt.err.Error()) || !errors.Is(got, tt.err) {
			t.Errorf("%s: it says\n%s", name, text)
		}
	}
}

// TestAdviceOfCommands: commands whose packages have none say what to type.
func TestAdviceOfCommands(t *testing.T) {
	fake := fakeharbor.New(fakeharbor.Options{LoginDelay: time.Millisecond})
	defer fake.Close()
	o := newOffice(t, "")
	o.write("jadm.toml", fmt.Sprintf("state = \"state\"\n[harbor]\nurl = %q\nuser = \"admin\"\npassword_file = \"password\"\n[people]\ncsv = \"people.csv\"\n", fake.URL))
	o.write("password", "wrong\n")
	o.write("people.csv", "id\nu001\n")
	for _, args := range [][]string{{"report"}, {"retain"}, {"user", "leave", "u001", "--on", "2099-01-01"}} {
		_, err := o.run(args...)
		var f *fault.Error
		if err == nil || !errors.As(advised(err), &f) || f.Next == "" || f.Why == nil {
			t.Errorf("jadm %s: %v", strings.Join(args, " "), err)
		}
	}
}
