package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// mounter is one way to have a squashfs file as a directory.
type mounter struct {
	name  string
	mount string // script that mounts FILE at MOUNT; "" when root has done it
}

const unmount = `
fusermount3 -u "$MOUNT"`

// insideBwrap runs SCRIPT with MOUNT as the root. All ways of mounting are
// measured through the same sandbox, which counts for CPU time only: times are
// taken inside.
const insideBwrap = `
bwrap --ro-bind "$MOUNT" / --dev /dev --proc /proc --bind /tmp /tmp --chdir / --clearenv --setenv PATH /usr/bin:/bin bash -c "$SCRIPT"`

// mounters lists jrun, then squashfuse_ll, then the kernel if it is to be had.
func mounters() []mounter {
	list := []mounter{
		{name: "**jrun mount**", mount: `"$JRUN" mount --quiet "$FILE" "$MOUNT"`},
		{name: "squashfuse_ll", mount: `squashfuse_ll "$FILE" "$MOUNT"`},
	}
	if isRoot() {
		list = append(list, mounter{name: "kernel mount (root)"})
	}
	return list
}

// mountTimes are the measurements of one workload through one mount.
type mountTimes struct{ fresh, warm, cpu, serverMB []float64 }

func (b *bench) timeMount(ctx context.Context, m mounter, script, file string, times *mountTimes) (err error) {
	mount := b.path("mount")
	if err := b.user.Mkdir(mount); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(mount)) }()
	whole := insideBwrap
	if m.mount == "" {
		if err := mountBy(ctx, "-t", "squashfs", "-o", "loop,ro", file, mount); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unmountDir(mount)) }()
	} else {
		whole = m.mount + insideBwrap + unmount
	}
	s, err := measure(ctx, b.shell(whole, map[string]string{
		"FILE": file, "MOUNT": mount, "JRUN": b.jrun, "SCRIPT": script, "JRUN_STORE": b.path("files"),
	}))
	if err != nil {
		if m.mount != "" {
			exec.Command("fusermount3", "-uz", mount).Run() // the script did not come so far
		}
		return err
	}
	times.cpu = append(times.cpu, s.CPUSeconds)
	times.serverMB = append(times.serverMB, float64(s.OrphanBytes)/1e6)
	seconds, err := readNumbers(s.Output)
	if err != nil {
		return err
	}
	times.fresh = append(times.fresh, seconds[0])
	if len(seconds) > 1 {
		times.warm = append(times.warm, seconds[1])
	}
	return nil
}

// readNumbers reads one or two numbers.
func readNumbers(text string) ([]float64, error) {
	var numbers []float64
	for _, field := range strings.Fields(text) {
		number, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, fmt.Errorf("the workload printed %q, want times", text)
		}
		numbers = append(numbers, number)
	}
	if len(numbers) < 1 || len(numbers) > 2 {
		return nil, fmt.Errorf("the workload printed %q, want one or two times", text)
	}
	return numbers, nil
}

// mountBy is mount(8).
func mountBy(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "mount", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("mounting %s: %w: %s", args[len(args)-2], err, out)
	}
	return nil
}

// unmountDir is umount(8). It works also when the program is interrupted.
func unmountDir(dir string) error {
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unmounting %s: %w: %s", dir, err, out)
	}
	return nil
}
