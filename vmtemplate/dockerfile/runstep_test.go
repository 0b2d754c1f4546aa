package dockerfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/buildah/chroot"
	"go.podman.io/buildah/define"
)

func aSpec(mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{
		Root: &specs.Root{Path: "/root-of-the-image"}, Hostname: "host",
		Process: &specs.Process{
			Args: []string{"/bin/sh", "-c", "x"}, Cwd: "/work", Env: []string{"A=2"},
			User:         specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{6, 7}},
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}},
		},
		Linux:  &specs.Linux{MaskedPaths: []string{"/proc/acpi"}, ReadonlyPaths: []string{"/proc/sys"}},
		Mounts: append([]specs.Mount{{Type: "bind", Source: "/handed/over", Destination: inside.Ours}}, mounts...),
	}
}

// TestProtocol fails when buildah does not start RUNs in the way that this package takes
// over. If it does after an update: read chroot/run_common.go of the new version, and set
// knownBuildah when the names and the request's fields are still the same.
func TestProtocol(t *testing.T) {
	if define.Version != knownBuildah {
		t.Errorf("buildah is version %s, not %s", define.Version, knownBuildah)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "go.podman.io/buildah" && m.Version != "v"+knownBuildah {
				t.Errorf("go.mod has buildah %s, not %s", m.Version, knownBuildah)
			}
		}
	}
	// The directory has no environment in it, so that our runner, and no other, says why
	// it cannot run anything. That much works without any right.
	dir := t.TempDir()
	spec := aSpec()
	spec.Mounts[0].Source = dir
	var output bytes.Buffer
	err := chroot.RunUsingChroot(spec, t.TempDir(), "/root", strings.NewReader(""), &output, &output, false)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != statusNotRun {
		t.Fatalf("the RUN ended with %v, not with status %d:\n%s", err, statusNotRun, output.String())
	}
	if fault := faultOf(dir); fault == nil || !strings.Contains(fault.Error(), "reading the environment of a build") {
		t.Errorf("it left the fault %v:\n%s", fault, output.String())
	}
}

func TestCommandOf(t *testing.T) {
	spec := aSpec(
		specs.Mount{Type: "proc", Destination: "/proc"}, specs.Mount{Type: "devpts", Destination: "/dev/pts"},
		specs.Mount{Type: "bind", Source: "/sys", Destination: "/sys"}, specs.Mount{Type: "tmpfs", Destination: "/dev/shm"},
		specs.Mount{Type: "cgroup", Destination: "/sys/fs/cgroup"}, specs.Mount{Type: "mqueue", Destination: "/dev/mqueue"},
		specs.Mount{Type: "bind", Source: "/s", Destination: "/run/secrets/s", Options: []string{"ro"}},
		specs.Mount{Type: "rbind", Source: "/d", Destination: "/devices"},
		specs.Mount{Type: "bind", Source: "/script", Destination: "/dev/pipes/script"},
		specs.Mount{Type: "overlay", Source: "overlay", Destination: "/o", Options: []string{"lowerdir=/l"}},
	)
	got, err := commandOf(spec, handover{IDs: rootless.Single, Env: []string{"A=1", "B=1"}, Files: map[string][]byte{"ca.crt": nil}})
	if err != nil {
		t.Fatal(err)
	}
	want := inside.Command{
		Root: "/root-of-the-image", Args: []string{"/bin/sh", "-c", "x"}, Dir: "/work", Hostname: "host", IDs: rootless.Single,
		Env: []string{"A=1", "B=1", "A=2"}, Files: map[string][]byte{"ca.crt": nil},
		Restrictions: inside.Restrictions{
			User: &inside.User{UID: 5, GID: 6, Groups: []uint32{6, 7}}, Capabilities: []string{"CAP_CHOWN"},
			Masked: []string{"/proc/acpi"}, ReadOnly: []string{"/proc/sys"},
			Mounts: []inside.Mount{
				{Type: "bind", Source: "/s", Target: "/run/secrets/s", Options: []string{"ro"}},
				{Type: "bind", Source: "/d", Target: "/devices"},
				{Type: "bind", Source: "/script", Target: "/dev/pipes/script"},
				{Type: "overlay", Source: "overlay", Target: "/o", Options: []string{"lowerdir=/l"}},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(inside.Command{}, "Stdin", "Stdout", "Stderr", "Terminal")); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}

	spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	if got, err = commandOf(spec, handover{}); err != nil || !got.NoNetwork {
		t.Errorf("with a network of its own the machine's is shown (%v)", err)
	}
	if _, err = commandOf(aSpec(specs.Mount{Type: "nfs", Destination: "/n"}), handover{}); err == nil {
		t.Error("a mount that is not known is left out silently")
	}
}

func TestReadRequest(t *testing.T) {
	const good = `{"Spec":{"root":{"path":"/r"},"process":{"args":["x"],"cwd":"/","user":{"uid":0,"gid":0}},"linux":{},"mounts":[{"destination":"/dev/.jbuild","source":"/h"}]},"BundlePath":"/b","NoPivot":false}`
	for name, c := range map[string]struct{ text, fault string }{
		"as buildah writes it":  {good, ""},
		"a field more":          {strings.Replace(good, `"NoPivot"`, `"Newer"`, 1), "Newer"},
		"no program":            {strings.Replace(good, `["x"]`, `[]`, 1), "no program"},
		"a relative root":       {strings.Replace(good, `"/r"`, `"r"`, 1), "no root"},
		"another build's":       {strings.Replace(good, `/dev/.jbuild`, `/x`, 1), "jbuild's build"},
		"not complete":          {`{"Spec":{}}`, "not complete"},
		"another user's":        {strings.Replace(good, `"linux":{}`, `"linux":{"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}`, 1), "user namespace"},
		"nothing":               {``, "EOF"},
		"something else at all": {`[1]`, "array"},
	} {
		_, err := readRequest(io.NopCloser(strings.NewReader(c.text)))
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHandover(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("https_proxy", "http://proxy:8080")
	dir, err := handOver(t.TempDir(), rootless.Single)
	if err != nil {
		t.Fatal(err)
	}
	h, err := readHandover(dir)
	if err != nil {
		t.Fatal(err)
	}
	env := "\n" + strings.Join(h.Env, "\n") + "\n"
	for _, want := range []string{"\nAPT_CONFIG=/dev/.jbuild/apt.conf\n", "\nhttps_proxy=http://proxy:8080\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment lacks %q", want)
		}
	}
	for _, bad := range []string{"\nTERM=", "\nLANG="} {
		if strings.Contains(env, bad) {
			t.Errorf("the environment has %q", bad)
		}
	}
	if h.IDs != rootless.Single || !strings.Contains(string(h.Files["apt.conf"]), "Sandbox") || h.Files["hosts"] != nil {
		t.Errorf("handed over are %v and %v", h.IDs, h.Files)
	}
	if info, err := os.Stat(filepath.Join(dir, handoverFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
}
