package main

import (
	"fmt"
	"io"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// printUnit prints the systemd unit for this configuration.
func (p *program) printUnit(out io.Writer) error {
	s, err := p.settings()
	if err != nil {
		return err
	}
	file, err := p.desired()
	if err != nil {
		return err
	}
	account, err := user.Current()
	name := "jadm"
	if err == nil && account.Uid != "0" {
		name = account.Username
	}
	limit := int64(s.Serve.Jobs)*2*conversionMemory + 4*serviceMemory
	return service.Unit{
		Program: service.ThisProgram(), Config: s.File(), User: name, State: s.State, Store: s.Store.Path,
		Memory: fmt.Sprintf("%dM", limit>>20), Writable: writesInto(s, file),
	}.Write(out)
}

// writesInto are directories, beside the state and the store, that the tasks of jadm
// serve write into: what systemd must not close.
func writesInto(s *settings.Settings, file *desired.File) []string {
	dirs := []string{s.Leaving.BundleDir, s.Leaving.ArchiveDir, s.Onboarding.Credentials, s.Mail.Directory}
	if file != nil && s.Serve.ApplyEvery > 0 {
		for _, path := range file.CredentialFiles() {
			// A name with a person in it is below a directory that all have.
			before, _, _ := strings.Cut(path, "{")
			dirs = append(dirs, filepath.Dir(before+"x"))
		}
	}
	slices.Sort(dirs)
	return slices.DeleteFunc(slices.Compact(dirs), func(dir string) bool {
		return !filepath.IsAbs(dir) || dir == "/" || within(dir, s.State) || s.Store.Path != "" && within(dir, s.Store.Path)
	})
}

// within reports whether dir is parent, or below it.
func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, strings.TrimSuffix(parent, "/")+"/")
}
