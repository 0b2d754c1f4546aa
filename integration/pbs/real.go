package pbs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// Real is the OpenPBS of this machine, with the hook installed.
type Real struct {
	user  *ordinary.Account
	exec  string // PBS_EXEC/bin
	nodes int
	files map[string]string // by job id: where its stdout and stderr go, without suffix
}

// NewReal finds qsub; ok is false where there is none.
func NewReal(user *ordinary.Account) (r *Real, ok bool) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/opt/pbs/bin") {
		if _, err := os.Stat(filepath.Join(dir, "qsub")); err == nil {
			r := &Real{user: user, exec: dir, files: map[string]string{}}
			out, err := r.run(context.Background(), "", "pbsnodes", "-a")
			r.nodes = strings.Count(out, "state = free") + strings.Count(out, "state = job")
			return r, err == nil && r.nodes > 0
		}
	}
	return nil, false
}

// Name is for messages.
func (r *Real) Name() string { return "OpenPBS" }

// Nodes counts those that run jobs.
func (r *Real) Nodes() int { return r.nodes }

func (r *Real) run(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := r.command(ctx, dir, program, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", program, err, said.String())
	}
	return strings.TrimSpace(out.String()), nil
}

func (r *Real) command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(r.exec, program), args...)
	cmd.Dir = dir
	for name, value := range r.user.Environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: r.user.Credential()}
	return cmd
}

// options are those of qsub.
func options(j Job) []string {
	var args []string
	if j.Image != "" {
		args = append(args, "-l", "container_image="+j.Image)
	}
	if j.Nodes > 1 {
		args = append(args, "-l", fmt.Sprintf("select=%d:ncpus=1", j.Nodes), "-l", "place=scatter")
	}
	if j.Shell != "" {
		args = append(args, "-S", j.Shell)
	}
	if j.Array > 0 {
		args = append(args, "-J", fmt.Sprintf("1-%d", j.Array))
	}
	var pairs []string
	for name, value := range j.Variables {
		if strings.ContainsAny(value, " '") {
			value = `"` + value + `"`
		}
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		args = append(args, "-v", strings.Join(pairs, ","))
	}
	return args
}

// Submit writes the script beside the job's output.
func (r *Real) Submit(ctx context.Context, j Job) ([]string, error) {
	base := filepath.Join(j.Dir, "job-"+strconv.FormatInt(time.Now().UnixNano(), 36))
	// -f: no process that stays to submit the next job; -k: output where it belongs at once.
	args := append([]string{"-f", "-k", "oed"}, options(j)...)
	if j.Array > 0 {
		args = append(args, "-o", base+".^array_index^.out", "-e", base+".^array_index^.err")
	} else {
		args = append(args, "-o", base+".out", "-e", base+".err")
	}
	if j.Script != "" {
		err := os.WriteFile(base+".sh", []byte(j.Script), 0o700)
		if err = errors.Join(err, os.Chown(base+".sh", r.user.UID, r.user.GID)); err != nil {
			return nil, err
		}
		args = append(args, base+".sh")
	} else {
		args = append(append(args, "--"), j.Command...)
	}
	id, err := r.run(ctx, j.Dir, "qsub", args...)
	if err != nil {
		return nil, err
	}
	if j.Array == 0 {
		r.files[id] = base
		return []string{id}, nil
	}
	var ids []string
	for i := range j.Array {
		sub := strings.Replace(id, "[]", fmt.Sprintf("[%d]", i+1), 1)
		r.files[sub] = fmt.Sprintf("%s.%d", base, i+1)
		ids = append(ids, sub)
	}
	return ids, nil
}

// Wait asks until the job is in the history and its output has been copied.
func (r *Real) Wait(ctx context.Context, id string) (Result, error) {
	for {
		text, err := r.run(ctx, "", "qstat", "-x", "-f", "-F", "json", id)
		if err != nil {
			return Result{}, err
		}
		var answer struct {
			Jobs map[string]struct {
				State string `json:"job_state"`
				Exit  int    `json:"Exit_status"`
			}
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			return Result{}, err
		}
		if j := answer.Jobs[id]; j.State == "F" || j.State == "X" {
			return Result{Exit: j.Exit, Stdout: readAll(r.files[id] + ".out"), Stderr: r.Stderr(id)}, nil
		}
		select {
		case <-ctx.Done():
			return Result{}, fmt.Errorf("waiting for job %s: %w; its standard error: %s", id, ctx.Err(), r.Stderr(id))
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// Stderr looks into the spool while the job runs.
func (r *Real) Stderr(id string) string {
	if text := readAll(r.files[id] + ".err"); text != "" {
		return text
	}
	return readAll(filepath.Join("/var/spool/pbs/spool", id+".ER"))
}

// Delete is qdel.
func (r *Real) Delete(ctx context.Context, id string) error {
	_, err := r.run(ctx, "", "qdel", id)
	return err
}

// Rerun needs an operator, which root is.
func (r *Real) Rerun(ctx context.Context, id string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(r.exec, "qrerun"), id).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qrerun: %w: %s", err, out)
	}
	return nil
}

// Interactive runs qsub -I on a terminal.
func (r *Real) Interactive(ctx context.Context, j Job) (*Session, error) {
	master, slave, err := ordinary.OpenTerminal(r.user)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	cmd := r.command(ctx, j.Dir, "qsub", append([]string{"-I"}, options(j)...)...)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Session{Terminal: master, Wait: cmd.Wait}, nil
}
