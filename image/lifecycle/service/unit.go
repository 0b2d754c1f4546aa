package service

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/jrun-hpc/jrun/fault"
)

//go:embed jadm.service
var unitText string

var unitTemplate = template.Must(template.New("jadm.service").Parse(unitText))

// Unit is what a systemd unit for jadm serve depends on.
type Unit struct {
	Program string // absolute path of jadm
	Config  string // absolute path of jadm.toml
	User    string // the service account
	State   string // directory
	Store   string // directory; empty if there is none
	Memory  string // the most that it may have, for MemoryMax: 2G
	// Writable are more directories that it writes into: where bundles go, letters, logins.
	Writable []string
}

// Write writes the unit. Paths that systemd could misread are refused.
func (u Unit) Write(out io.Writer) error {
	for _, word := range append([]string{u.Program, u.Config, u.State, u.Store, u.User}, u.Writable...) {
		if strings.ContainsAny(word, " \t\n\"'%$\\:;") {
			return fault.Newf(fmt.Errorf("systemd would not read %q as one word", word), "use paths without blanks and signs", "cannot write a unit")
		}
	}
	return unitTemplate.Execute(out, u)
}

// StateDirectory is the state directory as systemd makes it, below /var/lib; empty for
// one elsewhere.
func (u Unit) StateDirectory() string {
	rest, ok := strings.CutPrefix(filepath.Clean(u.State), "/var/lib/")
	if !ok {
		return ""
	}
	return rest
}

// ThisProgram is the path of the running program.
func ThisProgram() string {
	path, err := os.Executable()
	if err != nil {
		return "/usr/bin/jadm"
	}
	return path
}
