package image

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// child is this test binary calling Ensure in a process of its own.
type child struct {
	*exec.Cmd
	out *bytes.Buffer
}

func startChild(t *testing.T, ref Reference, st *store.Store) child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childReference+"="+ref.String(), childStore+"="+st.Root())
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return child{cmd, out}
}

// TestTwoProcessesConvertOnce: the registry holds a layer back until both have
// asked for the manifest, so that they are really at it together.
func TestTwoProcessesConvertOnce(t *testing.T) {
	img := twoLayers("gzip")
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/both", "1", img)
	reg.misbehave(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if strings.Contains(r.URL.Path, lower) {
			for deadline := time.Now().Add(10 * time.Second); reg.count("GET /v2/demo/both/manifests/") < 2 && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			time.Sleep(300 * time.Millisecond) // let the second reach the lock
		}
		return false
	})
	st := openStore(t)
	first, second := startChild(t, ref, st), startChild(t, ref, st)
	for _, c := range []child{first, second} {
		if err := c.Wait(); err != nil {
			t.Fatalf("%v: %s", err, c.out)
		}
	}
	if got := []string{first.out.String(), second.out.String()}; strings.Count(strings.Join(got, ""), "converted true") != 1 {
		t.Errorf("the processes say %q, want one that converted", got)
	}
	if n := reg.count("GET /v2/demo/both/blobs/sha256:" + lower); n != 1 {
		t.Errorf("the layer was fetched %d times, want once", n)
	}
	if left := leftovers(t, st); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestKilledConversionLeavesNothingVisible kills a process in the middle of a
// layer; the next one finds no object, makes it, and sweeps.
func TestKilledConversionLeavesNothingVisible(t *testing.T) {
	img := twoLayers("gzip")
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/killed", "1", img)
	reached := make(chan struct{}, 1)
	reg.misbehave(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, lower) {
			return false
		}
		_, _ = w.Write(img.layers[0].blob()[:100_000])
		w.(http.Flusher).Flush()
		reached <- struct{}{}
		<-r.Context().Done()
		return true
	})
	st := openStore(t)
	c := startChild(t, ref, st)
	<-reached
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Fatalf("the process survived: %s", c.out)
	}
	if objects, err := st.List(); err != nil || len(objects) != 0 {
		t.Errorf("visible after the kill: %v, %v", objects, err)
	}
	abandoned, err := filepath.Glob(filepath.Join(st.Realm(), "objects", ".converting-*"))
	if err != nil || len(abandoned) == 0 {
		t.Fatalf("the kill came too late to test anything: %v, %v", abandoned, err)
	}

	// Another image's pull sweeps, too.
	reg.misbehave(nil)
	other := testImage{layers: []testLayer{{tar: tarOf("a", "b")}}}
	otherRef := reg.push(t, "demo/other", "1", other)
	if _, _, err := NewClient(Options{}).Ensure(t.Context(), st, otherRef, nil); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(t, st); left != nil {
		t.Errorf("after another image's pull: %v", left)
	}
	object, converted, err := NewClient(Options{}).Ensure(t.Context(), st, ref, nil)
	if err != nil || !converted {
		t.Fatalf("converted %v, %v", converted, err)
	}
	got, err := os.ReadFile(object.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, img.converted(t)) {
		t.Error("the object is not what the layers' tars give")
	}
}

// TestWaiterTakesOver: when the process that converts dies, the one that waits
// for it does the work.
func TestWaiterTakesOver(t *testing.T) {
	img := twoLayers("gzip")
	lower := digest.FromBytes(img.layers[0].blob()).Encoded()
	reg := newRegistry(t)
	ref := reg.push(t, "demo/heir", "1", img)
	reached := make(chan struct{}, 2)
	reg.misbehave(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, lower) {
			return false
		}
		reached <- struct{}{}
		<-r.Context().Done()
		return true
	})
	st := openStore(t)
	c := startChild(t, ref, st)
	<-reached
	reg.misbehave(nil)
	var phases []Phase
	_, converted, err := NewClient(Options{}).Ensure(t.Context(), st, ref, func(e Event) {
		if len(phases) == 0 || phases[len(phases)-1] != e.Phase {
			phases = append(phases, e.Phase)
		}
		if e.Phase == Waiting {
			_ = c.Process.Kill() // checked by Wait below
		}
	})
	if waitErr := c.Wait(); waitErr == nil {
		t.Errorf("the first process finished: %s", c.out)
	}
	if err != nil || !converted {
		t.Fatalf("converted %v, %v", converted, err)
	}
	if diff := cmp.Diff([]Phase{Resolving, Fetching, Waiting, Converting, Publishing}, phases); diff != "" {
		t.Error(diff)
	}
	if left := leftovers(t, st); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestStoreThatCannotBeWritten mounts a small or read-only file system on the
// store, in namespaces of the child's own.
func TestStoreThatCannotBeWritten(t *testing.T) {
	reg := newRegistry(t)
	ref := reg.push(t, "demo/big", "1", testImage{layers: []testLayer{{tar: tarOf("big", noise(2<<20))}}})
	for options, want := range map[string]string{
		"size=256k":               "no space left in the store",
		"size=1m":                 "no space left in the store",
		"size=64m,nr_inodes=7":    "no space left in the store", // room for the directories, not for the files
		"ro":                      "is on a read-only file system",
		"size=64m,nr_inodes=1000": "", // the test itself works
	} {
		t.Run(options, func(t *testing.T) {
			root := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childReference+"="+ref.String(), childStore+"="+root, childTmpfs+"="+options)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			if want == "" {
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), want) || !strings.Contains(string(out), "next:") {
				t.Errorf("%v, want %q:\n%s", err, want, out)
			}
			if strings.Contains(string(out), "left behind") {
				t.Errorf("%s", out)
			}
		})
	}
}
