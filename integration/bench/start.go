package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// repetitions is how many starts make one round.
const repetitions = 10

// batchJob is the id of a job of no batch system.
const batchJob = "1.bench"

// ranks is how many processes are started at once, as by mpirun on one node.
const ranks = 32

func benchStart(ctx context.Context, b *bench, _ *subject) error {
	file, root, err := b.unpackMinimal(ctx)
	if err != nil {
		return err
	}
	program := []string{"/bin/true"}
	onHost := task{user: b.user, dir: b.dir, args: program}
	bwrap := task{user: b.user, dir: b.dir, args: append([]string{"bwrap", "--ro-bind", root, "/", "--dev", "/dev",
		"--proc", "/proc", "--bind", "/tmp", "/tmp"}, program...)}
	jrun := b.jrunTask("start", append([]string{"run", "--quiet", file, "--"}, program...)...)
	inJob := b.jrunTask("start", jrun.args[1:]...)
	inJob.env["PBS_JOBID"] = batchJob
	run, err := b.bundleFor(ctx, root, program)
	if err != nil {
		return fmt.Errorf("preparing crun: %w", err)
	}
	crun := task{user: b.user, dir: b.dir, args: run, env: map[string]string{"XDG_RUNTIME_DIR": b.dir}}
	// Containers at the same time need names of their own.
	crunMany := append([]string{"sh", "-c", `exec "$@" "bench-$$"`, "sh"}, run[:len(run)-1]...)
	charliecloud := task{user: b.user, dir: b.dir, args: append([]string{"ch-run", file, "--"}, program...)}

	contestants := []struct {
		name   string
		task   task
		warm   bool     // while another command runs in the same image
		unlike []string // what is started many times at once, if that is another command
	}{
		{"fork and exec on the host (floor)", onHost, false, nil},
		{"bwrap, unpacked directory", bwrap, false, nil},
		{"crun, unpacked directory", crun, false, crunMany},
		{"ch-run (Charliecloud), squashfs", charliecloud, false, nil},
		{"**jrun**, first on the node: sandbox made and taken down", jrun, false, nil},
		{"**jrun**, joining a running one", jrun, true, nil},
		{"**jrun**, joining a running one of its batch job", inJob, true, nil},
	}
	single, many := make([]series, len(contestants)), make([]series, len(contestants))
	for range b.rounds {
		for i, c := range contestants {
			stop := func() error { return nil }
			if c.warm {
				if stop, err = b.keepRunning(file, c.task.env); err != nil {
					return err
				}
			}
			for range repetitions {
				s, err := measure(ctx, c.task)
				if err != nil {
					return err
				}
				single[i].samples = append(single[i].samples, s)
			}
			together := c.task
			together.copies = ranks
			if c.unlike != nil {
				together.args = c.unlike
			}
			s, err := measure(ctx, together)
			if err != nil {
				return err
			}
			many[i].samples = append(many[i].samples, s)
			if err := stop(); err != nil {
				return err
			}
		}
	}
	var rows [][]string
	for i, c := range contestants {
		rows = append(rows, []string{
			c.name,
			fmt.Sprintf("%.1f", 1e3*single[i].median(wall)), fmt.Sprintf("%.1f", 1e3*single[i].median(cpu)),
			fmt.Sprintf("%.0f", 1e3*many[i].median(wall)), fmt.Sprintf("%.0f", 1e3*many[i].median(cpu)),
			ratio(many[i].median(wall), many[1].median(wall)),
		})
	}
	header := fmt.Sprintf("way|1: wall ms|CPU ms|%d at once: wall ms|CPU ms|wall / bwrap's", ranks)
	printTable("Start of /bin/true in a minimal Debian", strings.Split(header, "|"), rows)
	fmt.Println("\nCPU time includes the server of the file system and its end; wall time ends with the command.")
	return nil
}

// pullMinimal converts the minimal image.
func (b *bench) pullMinimal(ctx context.Context) (file string, err error) {
	if _, err := measure(ctx, b.jrunTask("start", "pull", "--quiet", b.minimal)); err != nil {
		return "", err
	}
	return onlyObject(filepath.Join(b.dir, "start"))
}

// unpackMinimal converts the minimal image and unpacks it for bwrap.
func (b *bench) unpackMinimal(ctx context.Context) (file, root string, err error) {
	if file, err = b.pullMinimal(ctx); err != nil {
		return "", "", err
	}
	root = filepath.Join(b.dir, "minimal-root")
	return file, root, b.unpack(ctx, file, root)
}

// unpack makes a directory of a squashfs file.
func (b *bench) unpack(ctx context.Context, file, root string) error {
	// Status 2 tells of device nodes, which a user cannot make and bwrap brings.
	_, err := measure(ctx, b.shell(`unsquashfs -quiet -no-progress -no-xattrs -dest "$ROOT" "$FILE" >/dev/null 2>&1 || test $? = 2`,
		map[string]string{"ROOT": root, "FILE": file}))
	return err
}

func onlyObject(store string) (string, error) {
	found, err := filepath.Glob(filepath.Join(store, "user", "*", "objects", "*.sqfs"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("the store %s holds %q, want one object", store, found)
	}
	return found[0], nil
}

// keepRunning holds a sandbox open until the returned function is called.
func (b *bench) keepRunning(file string, env map[string]string) (stop func() error, err error) {
	t := b.jrunTask("start", "run", "--quiet", file, "--", "sh", "-c", "echo inside; exec sleep 600")
	cmd := exec.Command(t.args[0], t.args[1:]...)
	cmd.Dir = t.dir
	for name, value := range t.user.Environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: t.user.Credential()}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := stdout.Read(make([]byte, 16)); err != nil {
		return nil, fmt.Errorf("waiting for a sandbox: %w", err)
	}
	return func() error {
		err := cmd.Process.Kill()
		cmd.Wait()                         // it was killed: that it says so is no news
		time.Sleep(200 * time.Millisecond) // for the sandbox to end
		return err
	}, nil
}
