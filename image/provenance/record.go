package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

// Version is the version of the records that this package writes, and the only
// one that it reads. Fields may be added without changing it.
const Version = 1

// Record is one run of a job.
type Record struct {
	Version int       `json:"version"`
	Job     string    `json:"job"`
	Started time.Time `json:"started"`
	User    string    `json:"user"`
	UID     int       `json:"uid"`
	Host    string    `json:"host"`

	Image       Image       `json:"image"`
	Command     Command     `json:"command"`
	Options     Options     `json:"options"`
	Environment []Variable  `json:"environment"` // sorted by name
	Machine     Machine     `json:"machine"`
	Injected    []Injection `json:"injected,omitempty"`

	// NotUTF8 says that something of the above was not UTF-8, which JSON cannot
	// hold: it was changed, and the run cannot be reproduced from it.
	NotUTF8 bool `json:"notUTF8,omitempty"`
}

// Image is what was run, and why that.
type Image struct {
	Name      string          `json:"name"`             // as typed
	Reference string          `json:"reference"`        // in full; absolute where it is a path
	Digest    digest.Digest   `json:"digest,omitempty"` // of the manifest; empty for squashfs files of unknown origin
	Resolved  digest.Digest   `json:"resolved,omitempty"`
	How       string          `json:"how"`                 // image.How
	SettledBy string          `json:"settledBy,omitempty"` // how the job found out, where How is "job"
	Pull      string          `json:"pull,omitempty"`      // --pull, unless it is ask
	Answered  time.Time       `json:"answered"`            // when the registry said so
	Layers    []digest.Digest `json:"layers,omitempty"`
	Source    Source          `json:"source"`
	File      *File           `json:"file,omitempty"` // where Source is FromFile
}

// Source says whose copy of the image was used.
type Source string

// The sources.
const (
	FromOwn  Source = "own"  // the user's part of the store
	FromSite Source = "site" // the site's
	FromFile Source = "file" // a squashfs file of the user's
)

// File is a squashfs file that no store holds.
type File struct {
	Path      string    `json:"path"` // absolute
	SizeBytes int64     `json:"sizeBytes"`
	Modified  time.Time `json:"modified"`
}

// Command is what ran in the image.
type Command struct {
	Arguments  []string `json:"arguments"`            // as given; empty for the image's own command
	Image      []string `json:"image,omitempty"`      // the image's own, where it was that
	Entrypoint string   `json:"entrypoint,omitempty"` // --entrypoint
	Shell      bool     `json:"shell,omitempty"`      // it was jrun shell
	Workdir    string   `json:"workdir,omitempty"`    // --workdir
	Directory  string   `json:"directory"`            // the current directory, outside
}

// Words is the command line inside: what a person wants to see of it.
func (c Command) Words() []string {
	switch {
	case c.Shell:
		return []string{"(shell)"}
	case c.Entrypoint != "":
		return append([]string{c.Entrypoint}, c.Arguments...)
	case len(c.Arguments) > 0:
		return c.Arguments
	}
	return c.Image
}

// Options are the flags that change what a program sees.
type Options struct {
	Binds         []string `json:"binds,omitempty"`     // sources are absolute
	SiteBinds     []string `json:"siteBinds,omitempty"` // of jrun.toml
	CleanEnv      bool     `json:"cleanEnv,omitempty"`
	NoHome        bool     `json:"noHome,omitempty"`
	WritableTmpfs bool     `json:"writableTmpfs,omitempty"`
	Root          bool     `json:"root,omitempty"`
	GPU           string   `json:"gpu,omitempty"` // as --gpu; empty is auto
	MPI           string   `json:"mpi,omitempty"` // --mpi, unless it is auto
}

// Variable is one of the environment.
type Variable struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Secret bool   `json:"secret,omitempty"` // the value is not written
	From   Origin `json:"from"`
}

// Origin says who set a variable.
type Origin string

// The origins.
const (
	FromOption Origin = "option" // --env or --env-file
	FromHost   Origin = "host"   // the environment of jrun
	FromImage  Origin = "image"  // the image, over the host
)

// Machine is what of the machine may change results.
type Machine struct {
	Jrun         string   `json:"jrun"`
	Kernel       string   `json:"kernel"`       // release, as uname -r
	Architecture string   `json:"architecture"` // as uname -m
	OS           string   `json:"os,omitempty"` // PRETTY_NAME of os-release(5)
	GPUDrivers   []string `json:"gpuDrivers,omitempty"`
}

// Injection is something of the host that was inside for GPUs or MPI.
type Injection struct {
	Kind        string `json:"kind"`             // file, directory, device, variable, first in or last in a variable
	Source      string `json:"source,omitempty"` // path on the host, without symbolic links where it is a library
	Destination string `json:"destination"`      // path inside, or the variable's name
	Value       string `json:"value,omitempty"`  // of the variable
	Secret      bool   `json:"secret,omitempty"` // the value is not written
	Why         string `json:"why"`
}

// isFile reports whether the machine has to have it, beside what each job is given.
func (i Injection) isFile() bool { return i.Kind == "file" || i.Kind == "directory" }

// Encode is the inverse of Parse.
func (r Record) Encode() ([]byte, error) {
	r.Version = Version
	r.NotUTF8 = r.NotUTF8 || !r.isUTF8()
	if r.Command.Arguments == nil {
		r.Command.Arguments = []string{}
	}
	if r.Environment == nil {
		r.Environment = []Variable{}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a record of %s: %w", r.Job, err)
	}
	return append(b, '\n'), nil
}

func (r Record) isUTF8() bool {
	texts := slices.Concat(r.Command.Arguments, r.Options.Binds,
		[]string{r.Image.Name, r.Image.Reference, r.Command.Entrypoint, r.Command.Workdir, r.Command.Directory})
	for _, v := range r.Environment {
		texts = append(texts, v.Name, v.Value)
	}
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) })
}

// Parse reads a record.
func Parse(b []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, fmt.Errorf("decoding a record: %w", err)
	}
	if r.Version != Version {
		return Record{}, fmt.Errorf("the record has version %d, this jrun reads version %d", r.Version, Version)
	}
	if r.Job == "" || r.Started.IsZero() {
		return Record{}, errors.New("the record names no job or no time")
	}
	for _, d := range append([]digest.Digest{r.Image.Digest, r.Image.Resolved}, r.Image.Layers...) {
		if d == "" {
			continue
		}
		if err := d.Validate(); err != nil {
			return Record{}, fmt.Errorf("the record names the digest %q: %w", d, err)
		}
	}
	return r, nil
}
