package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// slowRead is how long each read of the slow storage takes more, as on a busy
// NFS or Lustre server.
const slowRead = time.Millisecond

const coldProgram = `import numpy, scipy`

// benchCold starts a Python program from storage that is slow and of which
// nothing is in the page cache.
func benchCold(ctx context.Context, b *bench, s *subject) error {
	slowfs := b.path("slowfs")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", slowfs, "./integration/slowfs").CombinedOutput(); err != nil {
		return fmt.Errorf("building slowfs: %w: %s", err, out)
	}
	if _, err := measure(ctx, b.jrunTask("cold", "pull", "--quiet", s.image)); err != nil {
		return err
	}
	defer func() { _ = removeTree(b.path("cold")) }() // at the end all is removed in any case
	file, err := onlyObject(b.path("cold"))
	if err != nil {
		return err
	}
	slowFile := strings.Replace(file, b.path("cold"), b.path("slow"), 1)

	run := func(args ...string) task {
		args = append(append([]string{"run", "--quiet", "--clean-env", "-w", "/"}, args...), s.image, "--", "python3", "-B", "-c", coldProgram)
		return b.jrunTask("slow", args...)
	}
	contestants := []struct {
		name string
		task task
	}{
		{"**jrun run**, with a start-up profile", run()},
		{"jrun run --no-profile", run("--no-profile")},
		{"squashfuse_ll + bwrap", b.shell(`mkdir -p "$MOUNT"; squashfuse_ll "$FILE" "$MOUNT"`+insideBwrap+unmount, map[string]string{
			"FILE": slowFile, "MOUNT": b.path("mount"), "SCRIPT": "python3 -B -c '" + coldProgram + "'",
		})},
	}
	if _, err := b.fromSlowStorage(ctx, slowfs, run()); err != nil { // makes the profile
		return err
	}
	results := make([]series, len(contestants))
	for range b.rounds {
		for i, c := range contestants {
			result, err := b.fromSlowStorage(ctx, slowfs, c.task)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			results[i].samples = append(results[i].samples, result)
		}
	}
	var rows [][]string
	for i, c := range contestants {
		rows = append(rows, []string{
			c.name, fmt.Sprintf("%.2f", results[i].median(wall)), ratio(results[0].median(wall), results[i].median(wall)),
			fmt.Sprintf("%.2f", results[i].median(cpu)),
		})
	}
	title := fmt.Sprintf("Cold start of python3 -c %q from storage where each read takes %v more: %s", coldProgram, slowRead, s.title)
	printTable(title, strings.Split("way|wall s|with profile / it|CPU s", "|"), rows)
	fmt.Println("\nThe storage is mounted afresh for each start, so that nothing of it is in the page cache.")
	return nil
}

// fromSlowStorage measures a task while the store "cold" is to be seen, slowly,
// as "slow".
func (b *bench) fromSlowStorage(ctx context.Context, slowfs string, t task) (result sample, err error) {
	mount := b.path("slow")
	if err := b.user.Mkdir(mount); err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(mount)) }()
	server := exec.Command(slowfs, "-delay", slowRead.String(), b.path("cold"), mount)
	server.Stderr = os.Stderr
	// As root it lets the user in; it must not outlive this program.
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := server.Start(); err != nil {
		return sample{}, err
	}
	if err := awaitMount(ctx, b.dir, mount); err != nil {
		return sample{}, errors.Join(err, server.Process.Kill())
	}
	defer func() {
		err = errors.Join(err, unmountFUSE(mount), server.Wait())
	}()
	return measure(ctx, t)
}

// awaitMount waits until another file system than that of parent is at mount.
func awaitMount(ctx context.Context, parent, mount string) error {
	var outside, inside syscall.Stat_t
	if err := syscall.Stat(parent, &outside); err != nil {
		return err
	}
	for range 500 {
		if err := syscall.Stat(mount, &inside); err == nil && inside.Dev != outside.Dev {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing was mounted at %s in five seconds", mount)
}

func unmountFUSE(dir string) error {
	if isRoot() {
		return unmountDir(dir)
	}
	return exec.Command("fusermount3", "-u", dir).Run()
}
