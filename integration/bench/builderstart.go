package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// timed is a script to measure in every round, and the name of its row.
type timed struct {
	name   string
	tool   builder
	script string
	series
}

// alternate measures all scripts in every round, each as often as said.
func (s *builders) alternate(ctx context.Context, scripts []timed, times int) error {
	for round := range s.rounds {
		for i := range scripts {
			for range times {
				t := s.task(scripts[i].tool, scripts[i].script, round)
				t.leave = true // podman's processes clean up later
				result, err := measure(ctx, t)
				if err != nil {
					return err
				}
				scripts[i].samples = append(scripts[i].samples, result)
			}
		}
	}
	return nil
}

// measureStarts times a command in a workspace.
func (s *builders) measureStarts(ctx context.Context) error {
	var scripts []timed
	for _, tool := range s.tools {
		for _, way := range slices.Sorted(maps.Keys(tool.start)) {
			scripts = append(scripts, timed{name: tool.name + ": " + way, tool: tool, script: tool.start[way]})
		}
	}
	progress("  start of a command")
	if err := s.alternate(ctx, scripts, repetitions); err != nil {
		return err
	}
	var rows [][]string
	for _, each := range scripts {
		rows = append(rows, []string{each.name, fmt.Sprintf("%.0f", 1e3*each.median(wall)), ratio(scripts[0].median(wall), each.median(wall))})
	}
	printTable("Start of true in an image that is being made", strings.Split("way|wall ms|jbuild / it", "|"), rows)
	return nil
}

// measureBuilds times a Dockerfile of two stages.
func (s *builders) measureBuilds(ctx context.Context) error {
	var scripts []timed
	for _, tool := range s.tools {
		scripts = append(scripts, timed{name: tool.name, tool: tool, script: tool.build}, timed{name: tool.name, tool: tool, script: tool.again})
	}
	progress("  Dockerfile")
	if err := s.alternate(ctx, scripts, 1); err != nil {
		return err
	}
	var rows [][]string
	for i := 0; i < len(scripts); i += 2 {
		cold, again := scripts[i], scripts[i+1]
		rows = append(rows, []string{
			cold.name, fmt.Sprintf("%.2f", cold.median(wall)), ratio(scripts[0].median(wall), cold.median(wall)),
			fmt.Sprintf("%.2f", again.median(wall)), ratio(scripts[1].median(wall), again.median(wall)),
		})
	}
	printTable("A Dockerfile of two stages, with a small package", strings.Split("with|nothing kept: wall s|jbuild / it|all kept: wall s|jbuild / it", "|"), rows)
	return nil
}

// measureItself times what the programs need before they do anything.
func (s *builders) measureItself(ctx context.Context) error {
	var scripts []timed
	for i, line := range []string{"jbuild --help", "buildah --help", "podman --help", "jbuild list", "buildah containers", "podman ps"} {
		scripts = append(scripts, timed{name: line, tool: s.tools[i%len(s.tools)], script: line})
	}
	progress("  the programs themselves")
	if err := s.alternate(ctx, scripts, repetitions); err != nil {
		return err
	}
	var rows [][]string
	for _, each := range scripts {
		ms, err := s.initialisation(ctx, each)
		if err != nil {
			return err
		}
		rows = append(rows, []string{"`" + each.name + "`", fmt.Sprintf("%.0f", 1e3*each.median(wall)), fmt.Sprintf("%.0f", 1e3*each.median(cpu)), fmt.Sprintf("%.1f", ms)})
	}
	printTable("The programs themselves", strings.Split("command|wall ms|CPU ms|initialisation of a process's packages, ms", "|"), rows)
	return nil
}

// initialisation is the median of what Go's runtime says of it, of the first process.
func (s *builders) initialisation(ctx context.Context, each timed) (float64, error) {
	var all []float64
	for range s.rounds {
		t := s.task(each.tool, each.script, 0)
		cmd := exec.CommandContext(ctx, t.args[0], t.args[1:]...)
		cmd.Dir = t.dir
		for name, value := range t.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user.Credential()}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("running %q: %w: %s", each.script, err, stderr.Bytes())
		}
		all = append(all, initialised(stderr.String()))
	}
	return median(all), nil
}

// initialised adds up lines of the form
//
//	init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
//
// of the first process. The times after @ begin anew with the next.
func initialised(trace string) float64 {
	var sum, last float64
	for line := range strings.Lines(trace) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != "init" {
			continue
		}
		at, err1 := strconv.ParseFloat(strings.TrimPrefix(fields[2], "@"), 64)
		took, err2 := strconv.ParseFloat(fields[4], 64)
		if err1 != nil || err2 != nil {
			continue
		}
		if at < last {
			break
		}
		sum, last = sum+took, at
	}
	return sum
}
