package batch

import "testing"

func TestJob(t *testing.T) {
	for _, name := range Variables() {
		t.Setenv(name, "")
	}
	if got := Job(); got != "" {
		t.Errorf("outside of a job it is in %q", got)
	}
	t.Setenv("LSB_JOBID", "9")
	if got := Job(); got != "9" {
		t.Errorf("in a job of LSF it is in %q", got)
	}
	t.Setenv("PBS_JOBID", "7.pbs") // the first of the list wins
	if got := Job(); got != "7.pbs" {
		t.Errorf("in jobs of two it is in %q", got)
	}
}
