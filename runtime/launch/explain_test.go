package launch

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/runtime/inject"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
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

// host is a directory with a program, and a device by a CDI specification that brings
// a file.
func host(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"bin/pbs_tmrsh": "#!/bin/sh\n",
		"data":          "of the vendor",
		"cdi/vendor.yaml": fmt.Sprintf("cdiVersion: 1.1.0\nkind: vendor.com/npu\ndevices:\n- name: zero\n  containerEdits:\n"+
			"    env: [NPU=present]\n    deviceNodes: [{path: /dev/npu, hostPath: /dev/zero}]\n    mounts: [{hostPath: %s/data, containerPath: /opt/vendor/data, options: [ro]}]\n", dir),
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestExplain(t *testing.T) {
	dir := host(t)
	t.Setenv("HOME", dir)
	o := Options{
		Name: "image", Args: []string{"true"}, GPU: "vendor.com/npu=zero", CDIDirs: []string{filepath.Join(dir, "cdi")},
		HostPrograms: []string{filepath.Join(dir, "bin/pbs_tmrsh"), filepath.Join(dir, "bin/not-there")}, Show: []string{"/usr/bin"},
	}
	o.Image = emptyImage(t)
	e, err := Explain(o)
	if err != nil || !e.Fits {
		t.Fatalf("%v, %+v", err, e)
	}
	var text strings.Builder
	for _, item := range e.Items {
		fmt.Fprintln(&text, item)
	}
	for _, want := range []string{
		"file       " + dir + "/bin/pbs_tmrsh -> /run/jrun/bin/pbs_tmrsh (read-only)\n",
		"last in    PATH: /run/jrun/bin\n",
		"directory  /usr/bin\n           of the batch system or its job (jobs of the batch system)\n",
		"device     /dev/zero -> /dev/npu\n",
		"variable   NPU=present\n",
		"file       " + dir + "/data -> /opt/vendor/data (read-only)\n",
		"directory  " + dir + "\n           your home (always shown)\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "not-there") {
		t.Errorf("a program that the host lacks is there:\n%s", &text)
	}
}

// TestExplainCovered: where the user shows something of their own, a driver's file is
// not, and is not said to be.
func TestExplainCovered(t *testing.T) {
	dir := host(t)
	o := Options{
		Image: emptyImage(t), Name: "image", GPU: "vendor.com/npu=zero", CDIDirs: []string{filepath.Join(dir, "cdi")},
		Binds: []string{filepath.Join(dir, "bin") + ":/opt/vendor"}, MPIHosts: []string{"/no/such/mpi"},
	}
	e, err := Explain(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range e.Items {
		if item.Kind == inject.File && item.Inside == "/opt/vendor/data" {
			t.Errorf("it is said to be there: %v", item)
		}
	}
	for _, about := range []string{"/opt/vendor/data", "/no/such/mpi"} {
		if !slices.ContainsFunc(e.Verdicts, func(v Verdict) bool { return v.About == about && v.Outcome == "noted" }) {
			t.Errorf("nothing says that %s is not there: %+v", about, e.Verdicts)
		}
	}
}

// TestExplanationIsDone: what is explained to be mounted is what is mounted.
func TestExplanationIsDone(t *testing.T) {
	dir := host(t)
	o := Options{
		Image: emptyImage(t), Name: "image", GPU: "vendor.com/npu=zero", CDIDirs: []string{filepath.Join(dir, "cdi")},
		Binds: []string{dir + ":/mine:ro"},
	}
	file, err := os.Open(o.Image.Name())
	if err != nil {
		t.Fatal(err)
	}
	e, err := Explain(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Image = file
	asked := false
	o.Job = func() sandbox.Job {
		asked = true
		return sandbox.Job{ID: "7.pbs"}
	}
	p, err := o.prepare(false)
	if err != nil {
		t.Fatal(err)
	}
	if asked {
		t.Error("a process that may join a sandbox has been asked for its job")
	}
	spec, err := o.spec(t.Context(), p, nil, []string{"true"})
	if err != nil {
		t.Fatal(err)
	}
	defer spec.Image.Close()
	if spec.Job.ID != "7.pbs" {
		t.Errorf("the sandbox ends with the job %+v", spec.Job)
	}
	mounted := map[string]bool{}
	for _, b := range spec.Binds {
		mounted[b.Destination] = true
	}
	for _, item := range e.Items {
		if item.Kind != inject.File && item.Kind != inject.Directory {
			continue
		}
		if !mounted[item.Inside] {
			t.Errorf("explained and not done: %v", item)
		}
		delete(mounted, item.Inside)
	}
	for name := range mounted {
		t.Errorf("done and not explained: %s", name)
	}
}
