package dockerfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jrun-hpc/jrun/vmtemplate/inside"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/reexec"
)

// What is private to buildah, in chroot/run_common.go of this version: the name by which
// it executes the program again for a RUN, and the descriptor from which its request is
// read.
const (
	knownBuildah      = "1.45.0"
	runName           = "buildah-chroot-runtime"
	requestDescriptor = 3
)

// request is what buildah writes there (runUsingChrootSubprocOptions).
type request struct {
	Spec        *specs.Spec
	BundlePath  string
	NoPivot     bool
	UIDMappings []syscall.SysProcIDMap
	GIDMappings []syscall.SysProcIDMap
}

// statusNotRun is a RUN's status when its program could not be run; the handover's fault
// file tells it from a program that ended so.
const statusNotRun = 125

// ownName is the name of what does that here.
const ownName = "jbuild-run-step"

// init puts ours in the place of buildah's program for a RUN: the process has the name of
// one when main looks which it is (reexec.Init).
func init() {
	reexec.Register(ownName, runMain)
	if os.Args[0] == runName {
		os.Args[0] = ownName
	}
}

// runMain is the process of a RUN.
func runMain() {
	status, err := runStep(os.NewFile(requestDescriptor, "request"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "jbuild: %v\n", err)
	}
	os.Exit(status) //nolint:forbidigo // the main function of this process
}

func runStep(from io.ReadCloser) (int, error) {
	r, err := readRequest(from)
	if err != nil {
		return statusNotRun, err
	}
	dir := r.handoverDir()
	status, err := r.run(dir)
	if err != nil {
		return statusNotRun, errors.Join(err, os.WriteFile(filepath.Join(dir, faultFile), []byte(err.Error()), 0o600))
	}
	return status, nil
}

func readRequest(from io.ReadCloser) (request, error) {
	defer from.Close()
	var r request
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	err := d.Decode(&r)
	switch {
	case err != nil:
	case r.Spec == nil || r.Spec.Root == nil || r.Spec.Process == nil || r.Spec.Linux == nil:
		err = errors.New("the specification is not complete")
	case !filepath.IsAbs(r.Spec.Root.Path) || len(r.Spec.Process.Args) == 0:
		err = errors.New("there is no program or no root directory")
	case len(r.Spec.Linux.UIDMappings) > 0 || len(r.UIDMappings) > 0:
		err = errors.New("it wants another user namespace")
	case r.handoverDir() == "":
		err = errors.New("it does not come from jbuild's build")
	}
	if err != nil {
		return r, fmt.Errorf("understanding a RUN of buildah, of which this jbuild knows version %s: %w", knownBuildah, err)
	}
	return r, nil
}

func (r request) handoverDir() string {
	for _, m := range r.Spec.Mounts {
		if m.Destination == inside.Ours {
			return m.Source
		}
	}
	return ""
}

func (r request) run(dir string) (int, error) {
	h, err := readHandover(dir)
	if err != nil {
		return 0, err
	}
	command, err := commandOf(r.Spec, h)
	if err != nil {
		return 0, err
	}
	// buildah passes the signals on that end a build: then all of it ends.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	status, err := inside.Run(ctx, command)
	if ctx.Err() != nil {
		return 128 + int(syscall.SIGTERM), nil
	}
	return status, err
}

// commandOf is a specification as a run of package inside.
func commandOf(spec *specs.Spec, h handover) (inside.Command, error) {
	process := spec.Process
	c := inside.Command{
		Root: spec.Root.Path, Args: process.Args, Dir: process.Cwd, Hostname: spec.Hostname, IDs: h.IDs, Files: h.Files,
		Env:   append(append([]string{}, h.Env...), process.Env...), // of two with one name the later counts
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	c.User = &inside.User{UID: process.User.UID, GID: process.User.GID, Groups: process.User.AdditionalGids}
	c.Masked, c.ReadOnly = spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths
	if process.Capabilities != nil {
		c.Capabilities = append([]string{}, process.Capabilities.Bounding...)
	}
	for _, ns := range spec.Linux.Namespaces {
		c.NoNetwork = c.NoNetwork || ns.Type == specs.NetworkNamespace
	}
	for _, m := range spec.Mounts {
		if ownMounts(m.Destination) {
			continue
		}
		kind := m.Type
		switch kind {
		case "bind", "tmpfs", "overlay":
		case "rbind":
			kind = "bind"
		default:
			return c, fmt.Errorf("mounting %s: %q is no kind of mount that is known here", m.Destination, m.Type)
		}
		c.Mounts = append(c.Mounts, inside.Mount{Type: kind, Source: m.Source, Target: m.Destination, Options: m.Options})
	}
	return c, nil
}

// ownMounts are where package inside mounts what there is to see. Other mounts in /dev are
// buildah's (a RUN's script that begins with #!) or the Dockerfile's.
func ownMounts(path string) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev/pts", "/dev/shm", "/dev/mqueue", inside.Ours} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return path == "/dev"
}
