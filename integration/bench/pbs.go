package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// benchPBS measures what a job of PBS waits for before its script runs: the hook, and
// pbs-launch in the place of the shell. PBS's own part of a hook's time (its
// interpreter) is not in it; docs/pbs.md has what was measured on a real one.
func benchPBS(ctx context.Context, b *bench, _ *subject) error {
	file, err := b.pullMinimal(ctx)
	if err != nil {
		return err
	}
	home, event, script := filepath.Join(b.dir, "pbs"), filepath.Join(b.dir, "event.json"), filepath.Join(b.dir, "stdin")
	text, err := json.Marshal([]any{map[string]any{
		"event": "execjob_launch", "progname": "/bin/bash", "argv": []string{},
		"job": map[string]any{"Resource_List": map[string]string{"container_image": file}}, "config": map[string]any{"jrun": b.jrun},
	}})
	if err != nil {
		return err
	}
	err = errors.Join(
		os.MkdirAll(home, 0o755),
		os.WriteFile(event, text, 0o644),
		os.WriteFile(script, []byte("exit 0\n"), 0o644),
		os.WriteFile(filepath.Join(home, "pbs.conf"), []byte("PBS_EXEC="+home+"\nPBS_HOME="+home+"\n"), 0o644),
	)
	if err != nil {
		return err
	}
	root, err := filepath.Abs("pbs")
	if err != nil {
		return err
	}
	python := "/usr/bin/python3" // PBS's hooks run in the system's own
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	launch := b.jrunTask("start", "pbs-launch", "--mode=shell", "--image="+file, "--", "/bin/bash")
	launch.env["PBS_CONF_FILE"], launch.env["PBS_JOBID"] = filepath.Join(home, "pbs.conf"), "1.bench"
	launch.stdin = script
	pairs := []struct {
		what, target string
		without      task
		with         task
	}{
		{
			"the hook, at execjob_launch", "50",
			task{dir: b.dir, args: []string{python, "-c", "import json, sys, contextlib, io, os, tempfile; json.load(sys.stdin)"}, stdin: event},
			task{dir: b.dir, args: []string{python, filepath.Join(root, "testdata", "run_hook.py"), filepath.Join(root, "hook.py")}, stdin: event},
		},
		{"the job's shell, in a converted image", "60", task{user: b.user, dir: b.dir, args: []string{"/bin/bash", "-l"}, stdin: script}, launch},
	}
	var rows [][]string
	for _, p := range pairs {
		var without, with series
		for range b.rounds * repetitions {
			for _, each := range []struct {
				task task
				into *series
			}{{p.without, &without}, {p.with, &with}} {
				s, err := measure(ctx, each.task)
				if err != nil {
					return err
				}
				each.into.samples = append(each.into.samples, s)
			}
		}
		more := 1e3 * (with.median(wall) - without.median(wall))
		rows = append(rows, []string{p.what, fmt.Sprintf("%.1f", 1e3*without.median(wall)), fmt.Sprintf("%.1f", 1e3*with.median(wall)), fmt.Sprintf("%.1f (≤ %s)", more, p.target)})
	}
	printTable("Start of a job of PBS", []string{"what", "without: wall ms", "with: wall ms", "more ms"}, rows)
	fmt.Println("\nThe hook's \"without\" is Python alone, and the shell's a login shell on the host. Each start makes the sandbox anew.")
	return nil
}
