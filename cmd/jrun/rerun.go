package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/runtime/launch"
	"github.com/jrun-hpc/jrun/shellword"
)

// rerun is a record, ready to be run again.
type rerun struct {
	name        string // of the image, with its digest
	options     runOptions
	launch      launch.Options
	shell       bool
	settings    []provenance.Setting
	directory   string
	inDirectory bool // it is there and wanted
}

// again turns a record back into what was asked for; command, if any, takes the
// place of the recorded one.
func (s *session) again(r provenance.Record, command []string) (rerun, error) {
	if r.NotUTF8 {
		return rerun{}, fault.Newf(fault.Because("its command or options were not UTF-8, and could not be recorded exactly"),
			"run it by hand; jrun history --json shows what is known", "cannot reproduce the job %s", r.Job)
	}
	name, err := nameAgain(r.Image)
	if err != nil {
		return rerun{}, err
	}
	a := rerun{name: name, directory: r.Command.Directory, settings: r.Settings(os.Environ()), shell: r.Command.Shell}
	a.options = runOptions{
		binds: r.Options.Binds, cleanEnv: r.Options.CleanEnv, workdir: r.Command.Workdir, noHome: r.Options.NoHome,
		writableTmpfs: r.Options.WritableTmpfs, root: r.Options.Root, entrypoint: r.Command.Entrypoint,
	}
	a.options.gpu, a.options.mpi = again(r.Options.GPU, s.config.GPU.Default), again(r.Options.MPI, s.config.MPI.Default)
	for _, v := range r.Environment {
		switch {
		case v.From == provenance.FromOption && v.Secret:
			a.options.env = append(a.options.env, v.Name)
		case v.From == provenance.FromOption:
			a.options.env = append(a.options.env, v.Name+"="+v.Value)
		}
	}
	a.launch.Args = r.Command.Arguments
	if len(command) > 0 {
		a.launch.Args, a.shell, a.options.entrypoint = command, false, ""
	}
	a.launch.Entrypoint = a.options.entrypoint
	return a, nil
}

// again is what to say of --gpu or --mpi to get what is recorded, where auto is not: it
// is empty if that is this site's default.
func again(recorded, byDefault string) string {
	const auto = "auto"
	if value := firstOf(recorded, auto); value != firstOf(byDefault, auto) {
		return value
	}
	return ""
}

// nameAgain is the name of the very image that was run.
func nameAgain(was provenance.Image) (string, error) {
	if was.File != nil {
		return was.File.Path, nil
	}
	ref, err := image.ParseReference(was.Reference)
	if err == nil && was.Resolved != "" {
		ref, err = ref.At(was.Resolved)
	}
	return ref.String(), err
}

// prepare makes this process's directory and environment those of the record.
func (a rerun) prepare() error {
	if a.inDirectory {
		if err := os.Chdir(a.directory); err != nil {
			return fault.New("cannot go to the directory of the job", err, "run it where you are: --here")
		}
	}
	for _, v := range a.settings {
		err := os.Unsetenv(v.Name)
		if !v.Unset {
			err = os.Setenv(v.Name, v.Value)
		}
		if err != nil {
			return fmt.Errorf("setting %s as it was: %w", v.Name, err)
		}
	}
	return nil
}

// line is the command that does the same.
func (a rerun) line(pull string) string {
	var words []string
	var unset, set []string
	for _, v := range a.settings {
		if v.Unset {
			unset = append(unset, "-u", v.Name)
		} else {
			set = append(set, v.Name+"="+v.Value)
		}
	}
	if len(a.settings) > 0 {
		words = slices.Concat([]string{"env"}, unset, set)
	}
	verb := "run"
	if a.shell {
		verb = "shell"
	}
	words = append(words, "jrun", verb)
	if pull != pullWords[image.PullAsk] {
		words = append(words, "--pull="+pull)
	}
	for _, bind := range a.options.binds {
		words = append(words, "-B", bind)
	}
	for _, pair := range a.options.env {
		words = append(words, "-e", pair)
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{
		{a.options.cleanEnv, "--clean-env"}, {a.options.noHome, "--no-home"},
		{a.options.writableTmpfs, "--writable-tmpfs"}, {a.options.root, "--root"},
	} {
		if flag.on {
			words = append(words, flag.name)
		}
	}
	if a.options.gpu != "" {
		words = append(words, "--gpu="+a.options.gpu)
	}
	if a.options.mpi != "" {
		words = append(words, "--mpi="+a.options.mpi)
	}
	if a.options.workdir != "" {
		words = append(words, "-w", a.options.workdir)
	}
	if a.options.entrypoint != "" {
		words = append(words, "--entrypoint", a.options.entrypoint)
	}
	words = append(words, a.name)
	if len(a.launch.Args) > 0 {
		words = append(append(words, "--"), a.launch.Args...)
	}
	line := shellword.ShowLine(words)
	if a.inDirectory {
		line = "cd " + shellword.Show(a.directory) + " && " + line
	}
	return line
}
