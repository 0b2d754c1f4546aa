package starter

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// Ask is a file, and what there is to begin with.
type Ask struct {
	Dir  fs.FS  // the directory that the file is in, for files that it includes
	Name string // the file in it

	// Bases are images to choose from, as people type them, the preferred first; package
	// bases lists them.
	Bases []string
	// Base is the one that a person has chosen; empty to choose.
	Base string
}

// Plan is how an image is begun: on Base, with Files copied, the Steps run as root one
// after the other, and Env set.
type Plan struct {
	Kind   Kind
	Base   string
	Reason message.Text // why this base
	Files  []File
	Steps  []Step
	Env    []string       // NAME=VALUE for the image; ${PATH} is the value that the base has
	Notes  []message.Text // what a person should know: what was left out, what may fail
}

// File is copied into the image before the steps.
type File struct {
	Path    string // absolute, inside
	Content []byte
}

// Step is one command.
type Step struct {
	What message.Text // what it does
	Run  string       // for /bin/sh -c, as root
}

// Shared is where the files go: beside what they have led to, so that the image tells.
const Shared = "/usr/local/share/jbuild"

// mostBytes bounds a file that is read.
const mostBytes = 4 << 20

// Make reads the file and plans. Errors are for people: what is wrong, and in which line.
func Make(ask Ask) (*Plan, error) {
	text, err := readFile(ask.Dir, ask.Name)
	if err != nil {
		return nil, err
	}
	kind, err := Detect(ask.Name, text)
	if err != nil {
		return nil, err
	}
	p := &planner{Ask: ask, plan: &Plan{Kind: kind}}
	if err := planners[kind](p, text); err != nil {
		return nil, err
	}
	return p.plan, nil
}

// planners make the plan of each kind.
var planners = map[Kind]func(*planner, []byte) error{
	Apt: (*planner).apt, Pip: (*planner).pip, PyProject: (*planner).pyProject, Conda: (*planner).conda,
	RDescription: (*planner).rDescription, Julia: (*planner).julia, Node: (*planner).node,
}

// planner is a plan in the making.
type planner struct {
	Ask
	plan *Plan
}

func (p *planner) note(t message.Text) { p.plan.Notes = append(p.plan.Notes, t) }

func (p *planner) file(name string, content []byte) {
	p.plan.Files = append(p.plan.Files, File{Path: path.Join(Shared, name), Content: content})
}

func (p *planner) step(what message.Text, run string) {
	p.plan.Steps = append(p.plan.Steps, Step{What: what, Run: run})
}

// install adds a step with packages of Debian or Ubuntu. Names must be valid.
func (p *planner) install(what message.Text, packages ...string) {
	if len(packages) == 0 {
		return
	}
	p.step(what, "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "+strings.Join(packages, " "))
}

// readFile reads a file for people: text, and not too large.
func readFile(dir fs.FS, name string) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, message.Fail(message.Of("starter.unreadable", name), err, message.Of("starter.unreadable.next"))
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = os.ErrInvalid
	}
	if err != nil {
		return nil, message.Fail(message.Of("starter.unreadable", name), err, message.Of("starter.unreadable.next"))
	}
	if info.Size() > mostBytes {
		return nil, message.Fail(message.Of("starter.too-large", name, message.Bytes(info.Size())), nil, message.Of("starter.unreadable.next"))
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, message.Fail(message.Of("starter.unreadable", name), err, message.Of("starter.unreadable.next"))
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors of Windows begin files with it
	if line, ok := binaryLine(text); ok {
		return nil, wrong(name, line, message.Of("starter.not-text"))
	}
	return text, nil
}

// wrong is an error about a line.
func wrong(name string, line int, why message.Text) error {
	return message.Fail(message.Of("starter.line", name, line), &message.Error{What: why}, message.Of("starter.line.next", name))
}

// Environment is the environment of the image: base, as "NAME=VALUE", with Env set.
func (p *Plan) Environment(base []string) []string {
	values := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	var order []string
	set := func(name, value string) {
		if _, known := values[name]; !known || name == "PATH" {
			order = append(order, name)
		}
		values[name] = value
	}
	for _, pair := range base {
		if name, value, ok := strings.Cut(pair, "="); ok {
			set(name, value)
		}
	}
	for _, pair := range p.Env {
		name, value, _ := strings.Cut(pair, "=")
		set(name, strings.ReplaceAll(value, "${"+name+"}", values[name]))
	}
	var all []string
	done := map[string]bool{}
	for _, name := range order {
		if !done[name] {
			all = append(all, name+"="+values[name])
		}
		done[name] = true
	}
	return all
}
