package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// workload is something done inside a mounted image, twice: on a fresh mount,
// and again.
type workload struct{ name, script string }

var workloads = []workload{
	{"find + stat of /usr", `find /usr -printf '%s %m %T@\n' >/dev/null`},
	{"grep -r in /usr/lib/python3", `grep -rc 'no such words here' /usr/lib/python3 >/dev/null || true`},
	{"Python: import numpy, scipy", `python3 -B -c 'import numpy, scipy.linalg, scipy.sparse, scipy.stats'`},
}

// twice runs a workload in the image's own bash and prints two times, in
// seconds.
func (w workload) twice() string {
	return "TIMEFORMAT=%R; { time { " + w.script + "; }; } 2>&1; { time { " + w.script + "; }; } 2>&1"
}

// mounter is one way to have a squashfs file as a root file system. MOUNT is
// an empty directory, FILE the squashfs file and SCRIPT what to run inside.
type mounter struct {
	name   string
	asRoot bool
	script string
}

const insideBwrap = `bwrap --ro-bind "$MOUNT" / --dev /dev --proc /proc --bind /tmp /tmp --chdir / --clearenv --setenv PATH /usr/bin:/bin bash -c "$SCRIPT"`

func (b *bench) mounters() []mounter {
	list := []mounter{
		{name: "**jrun**", script: `"$JRUN" run --quiet --clean-env -w / "$FILE" -- bash -c "$SCRIPT"`},
		{name: "squashfuse_ll + bwrap", script: `squashfuse_ll "$FILE" "$MOUNT"
` + insideBwrap + `
fusermount3 -u "$MOUNT"`},
	}
	if os.Getuid() == 0 {
		list = append(list, mounter{name: "kernel mount (root) + bwrap", asRoot: true, script: insideBwrap})
	}
	return list
}

func benchFiles(ctx context.Context, b *bench) error {
	if _, err := measure(ctx, b.jrunTask("files", "pull", "--quiet", b.image)); err != nil {
		return err
	}
	file, err := onlyObject(filepath.Join(b.dir, "files"))
	if err != nil {
		return err
	}
	if _, err := os.ReadFile(file); err != nil { // into the page cache
		return err
	}
	mounters := b.mounters()
	var rows [][]string
	for _, work := range workloads {
		times := make([]mountTimes, len(mounters))
		for range b.rounds {
			for i, m := range mounters {
				if err := b.timeMount(ctx, m, work, file, &times[i]); err != nil {
					return fmt.Errorf("%s with %s: %w", work.name, m.name, err)
				}
			}
		}
		ours := times[0]
		for i, m := range mounters {
			rows = append(rows, []string{
				work.name, m.name,
				fmt.Sprintf("%.2f", median(times[i].fresh)), ratio(median(ours.fresh), median(times[i].fresh)),
				fmt.Sprintf("%.2f", median(times[i].warm)), ratio(median(ours.warm), median(times[i].warm)),
				fmt.Sprintf("%.2f", median(times[i].cpu)), fmt.Sprintf("%.0f", median(times[i].peakMB)),
			})
		}
	}
	header := "what|through|fresh s|jrun / it|again s|jrun / it|CPU s of both|peak of one process, MB"
	printTable("Files of the mounted image, the squashfs file in the page cache", strings.Split(header, "|"), rows)
	fmt.Println("\nCPU time includes the FUSE server and making the sandbox, but not the kernel's own threads.")
	return nil
}

// mountTimes are the measurements of one workload through one mount.
type mountTimes struct{ fresh, warm, cpu, peakMB []float64 }

func (b *bench) timeMount(ctx context.Context, m mounter, work workload, file string, times *mountTimes) (err error) {
	mount := filepath.Join(b.dir, "mount")
	if err := b.user.Mkdir(mount); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(mount)) }()
	if m.asRoot {
		if out, err := exec.CommandContext(ctx, "mount", "-t", "squashfs", "-o", "loop,ro", file, mount).CombinedOutput(); err != nil {
			return fmt.Errorf("mounting: %w: %s", err, out)
		}
		defer func() { err = errors.Join(err, exec.Command("umount", mount).Run()) }()
	}
	t := b.shell(m.script, map[string]string{
		"FILE": file, "MOUNT": mount, "JRUN": b.jrun, "SCRIPT": work.twice(),
		"JRUN_STORE": filepath.Join(b.dir, "files"),
	})
	s, err := measure(ctx, t)
	if err != nil {
		return err
	}
	lines := strings.Fields(s.Output)
	if len(lines) != 2 {
		return fmt.Errorf("the workload printed %q, want two times", s.Output)
	}
	fresh, err := strconv.ParseFloat(lines[0], 64)
	if err != nil {
		return err
	}
	warm, err := strconv.ParseFloat(lines[1], 64)
	if err != nil {
		return err
	}
	times.fresh, times.warm = append(times.fresh, fresh), append(times.warm, warm)
	times.cpu, times.peakMB = append(times.cpu, s.CPUSeconds), append(times.peakMB, peak(s))
	return nil
}
