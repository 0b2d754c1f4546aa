package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/launch"
	"github.com/jrun-hpc/jrun/squash/writer"
)

// emptyImage is an image with nothing in it.
func emptyImage(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "image.sqfs"))
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	if err := tar.NewWriter(&layer).Close(); err != nil {
		t.Fatal(err)
	}
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(&layer), nil }
	if _, err := writer.Write(t.Context(), f, []writer.Layer{open}, writer.Options{}); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestExplainInPBS: in a job 'jrun explain' tells what PBS's programs bring, but a dry
// run, which is of a command in the script, does not.
func TestExplainInPBS(t *testing.T) {
	dir := t.TempDir()
	job, conf := filepath.Join(dir, "home/mom_priv/jobs/7.pbs.JB"), filepath.Join(dir, "pbs.conf")
	for name, text := range map[string]string{
		conf: fmt.Sprintf("PBS_EXEC=%s/exec\nPBS_HOME=%s/home\n", dir, dir), job: "", filepath.Join(dir, "exec/bin/pbs_tmrsh"): "#!/bin/sh\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	clearEnvironment(t, "PBS_JOBID=7.pbs", "PBS_CONF_FILE="+conf)
	explained := func(d dryRun) launch.Explanation {
		t.Helper()
		var out bytes.Buffer
		d.out, d.json = &out, true
		if err := d.explain(launch.Options{Image: emptyImage(t), Name: "image"}); err != nil {
			t.Fatal(err)
		}
		var e launch.Explanation
		if err := json.Unmarshal(out.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	has := func(e launch.Explanation, inside string) bool {
		return slices.ContainsFunc(e.Items, func(i inject.Item) bool { return i.Inside == inside })
	}
	says := func(e launch.Explanation) bool {
		return slices.ContainsFunc(e.Verdicts, func(v launch.Verdict) bool { return v.About == "PBS" })
	}
	brought := []string{"/run/jrun/bin/pbs_tmrsh", "HYDRA_LAUNCHER_EXEC"}
	ofJob, ofRun := explained(dryRun{ofJob: true}), explained(dryRun{})
	for _, name := range brought {
		if !has(ofJob, name) || has(ofRun, name) {
			t.Errorf("%s: of the job %v, of a command in it %v", name, has(ofJob, name), has(ofRun, name))
		}
	}
	if !says(ofJob) || !says(ofRun) {
		t.Error("nothing says which of the two it is")
	}
	if err := os.Remove(job); err != nil { // the environment of a job that has ended
		t.Fatal(err)
	}
	if e := explained(dryRun{ofJob: true}); has(e, brought[0]) || says(e) {
		t.Errorf("outside of a job: %+v", e)
	}
}
