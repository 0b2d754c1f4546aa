// Package site is jbuild.toml: what a site and a user have settled, so that jbuild
// need not ask. docs/jbuild.toml.md explains the keys.
package site

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// File is the site's configuration.
const File = "/etc/jbuild/jbuild.toml"

// Config is jbuild.toml. The zero value is a machine where nobody has settled
// anything.
type Config struct {
	Registry     string   `toml:"registry"`      // host of the campus registry
	BaseProjects []string `toml:"base_projects"` // projects with images to begin with, which everybody may read
	Project      string   `toml:"project"`       // where a user's images go; {user} is the name at the registry
	Language     string   `toml:"language"`      // en or ja, before LANG
	Data         string   `toml:"data"`          // directory of workspaces; ~ and $VAR are expanded

	MPI  MPI  `toml:"mpi"`
	CUDA CUDA `toml:"cuda"`
	Job  Job  `toml:"job"`
	Web  Web  `toml:"web"`
}

// Web is the page of jbuild web on this machine.
type Web struct {
	Owner  string   `toml:"owner"`  // who may log in there with the registry's password; empty: nobody
	Listen string   `toml:"listen"` // ADDRESS:PORT; 127.0.0.1:8787 if empty
	Hosts  []string `toml:"hosts"`  // names by which browsers call this machine
	Cert   string   `toml:"cert"`   // files of a certificate and its key, in PEM
	Key    string   `toml:"key"`
}

// MPI is what the compute servers have, for jbuild check.
type MPI struct {
	OpenMPI string `toml:"openmpi"` // version, such as 4.1.4; empty: none, or not known
	MPICH   string `toml:"mpich"`
}

// CUDA is what the compute servers' driver can do, for jbuild check.
type CUDA struct {
	Version string `toml:"version"` // newest CUDA of the driver, such as 12.4
}

// Job is what a job script of this site looks like.
type Job struct {
	Template string `toml:"template"` // file with the script; see package jobscript
	Queue    string `toml:"queue"`
	Select   string `toml:"select"` // -l select=…; 1:ncpus=1 if empty
	Walltime string `toml:"walltime"`
	Hook     *bool  `toml:"hook"` // the servers know -l container_image; true if left out
}

// UsesHook reports whether jobs name their image to qsub.
func (j Job) UsesHook() bool { return j.Hook == nil || *j.Hook }

// Load reads the site's file and then the user's: $JBUILD_CONFIG, or
// jbuild/jbuild.toml under the XDG configuration directory. Neither must exist, unless
// $JBUILD_CONFIG names one. Unknown keys are errors, so that a misspelt one is not
// silently without effect.
func Load(getenv func(string) string) (Config, error) {
	var c Config
	if err := read(File, false, &c); err != nil {
		return Config{}, err
	}
	own, named := getenv("JBUILD_CONFIG"), true
	if own == "" {
		dir := getenv("XDG_CONFIG_HOME")
		if dir == "" {
			dir = filepath.Join(getenv("HOME"), ".config")
		}
		own, named = filepath.Join(dir, "jbuild", "jbuild.toml"), false
	}
	if err := read(own, named, &c); err != nil {
		return Config{}, err
	}
	if c.Language != "" && !slices.Contains(message.Languages, c.Language) {
		return Config{}, message.Fail(message.Of("site.language", c.Language), nil, message.Of("site.language.next", strings.Join(message.Languages, ", ")))
	}
	return c, nil
}

// read decodes one file over c: what it does not mention stays.
func read(file string, must bool, c *Config) error {
	known, err := toml.DecodeFile(file, c)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil
	}
	if err != nil {
		return message.Fail(message.Of("site.unreadable", file), err, message.Of("site.unreadable.next", file))
	}
	if unknown := known.Undecoded(); len(unknown) > 0 {
		return message.Fail(message.Of("site.unknown", file, unknown[0].String()), nil, message.Of("site.unreadable.next", file))
	}
	return nil
}

// DataDir is the directory that holds workspaces: Data, or jbuild under the XDG data
// directory.
func (c Config) DataDir(getenv func(string) string) string {
	if c.Data != "" {
		dir := os.Expand(c.Data, getenv)
		if rest, ok := strings.CutPrefix(dir, "~/"); ok {
			dir = filepath.Join(getenv("HOME"), rest)
		}
		return dir
	}
	dir := getenv("XDG_DATA_HOME")
	if dir == "" {
		dir = filepath.Join(getenv("HOME"), ".local", "share")
	}
	return filepath.Join(dir, "jbuild")
}

// ProjectOf is where images of a user of the registry go.
func (c Config) ProjectOf(user string) string {
	if c.Project == "" {
		return user
	}
	return strings.ReplaceAll(c.Project, "{user}", user)
}
