package main

import (
	"errors"
	"os"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
)

func TestSayOnce(t *testing.T) {
	refused := &fault.Error{What: "refused", Code: fault.ExitNotFound}
	clearEnvironment(t)
	if err := sayOnce(t.Context(), refused); !errors.Is(err, refused) {
		t.Errorf("a process that is no rank returns %v", err)
	}
	clearEnvironment(t, "PMIX_RANK=0", "OMPI_COMM_WORLD_LOCAL_SIZE=1")
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	var err error
	if os.Stderr, err = os.Create(t.TempDir() + "/stderr"); err != nil {
		t.Fatal(err)
	}
	err = sayOnce(t.Context(), refused)
	if !errors.Is(err, errReported) || fault.ExitCode(err) != fault.ExitNotFound {
		t.Errorf("a rank returns %v with status %d", err, fault.ExitCode(err))
	}
	text, readErr := os.ReadFile(os.Stderr.Name())
	if string(text) != "jrun: refused\n" || readErr != nil {
		t.Errorf("it has printed %q, %v", text, readErr)
	}
	if sayOnce(t.Context(), nil) != nil {
		t.Error("nothing has become an error")
	}
}
