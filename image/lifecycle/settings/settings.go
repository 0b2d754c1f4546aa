package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/fault"
)

// DefaultFile is where jadm looks when neither --config nor $JADM_CONFIG names a file.
const DefaultFile = "/etc/jadm/jadm.toml"

// Settings is jadm.toml. docs/jadm.toml.md explains the keys. Relative paths are
// relative to the file.
type Settings struct {
	Desired  string `toml:"desired"`  // file of projects, members and rules; desired.toml beside jadm.toml
	State    string `toml:"state"`    // directory for what jadm must remember; /var/lib/jadm
	Language string `toml:"language"` // of letters to people who have named none: en (the default) or ja

	Harbor     Harbor     `toml:"harbor"`
	Store      Store      `toml:"store"`
	People     People     `toml:"people"`
	Onboarding Onboarding `toml:"onboarding"`
	Mail       Mail       `toml:"mail"`
	Serve      Serve      `toml:"serve"`
	Usage      Usage      `toml:"usage"`
	Leaving    Leaving    `toml:"leaving"`
	Lease      Lease      `toml:"lease"`

	file string
}

// section is a part of the file.
type section interface {
	// complete makes paths absolute with abs, fills in what was left out, and
	// refuses what means nothing.
	complete(abs func(string) string) error
}

func (s *Settings) sections() []section {
	return []section{&s.Harbor, &s.Store, &s.People, &s.Onboarding, &s.Mail, &s.Serve, &s.Usage, &s.Leaving, &s.Lease}
}

// Load reads a file. Unknown keys are errors, so that a misspelt one is not silently
// without effect. Errors are faults.
func Load(file string) (*Settings, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, fault.New("cannot find the current directory", err, "change to a directory that exists ('cd') and try again")
	}
	s := &Settings{file: absolute}
	known, err := toml.DecodeFile(absolute, s)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Newf(err, "make one: jadm init\nor name it: jadm --config FILE, or JADM_CONFIG=FILE", "there is no configuration %s", file)
	}
	if err != nil {
		return nil, fault.Newf(err, "correct the file; docs/jadm.toml.md lists the keys", "cannot read the configuration %s", file)
	}
	if unknown := known.Undecoded(); len(unknown) > 0 {
		return nil, fault.Newf(fmt.Errorf("it does not know the key %q", unknown[0].String()),
			"correct or remove the line; docs/jadm.toml.md lists the keys", "cannot use the configuration %s", file)
	}
	if err := s.complete(); err != nil {
		return nil, fault.Newf(err, "correct the line; docs/jadm.toml.md lists the values", "cannot use the configuration %s", file)
	}
	return s, nil
}

// File is the configuration's absolute path.
func (s *Settings) File() string { return s.file }

func (s *Settings) complete() error {
	abs := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(filepath.Dir(s.file), path)
	}
	if s.Desired == "" {
		s.Desired = "desired.toml"
	}
	if s.State == "" {
		s.State = "/var/lib/jadm"
	}
	s.Desired, s.State = abs(s.Desired), abs(s.State)
	if s.Language == "" {
		s.Language = "en"
	}
	if s.Language != "en" && s.Language != "ja" {
		return fmt.Errorf("language is %q, not en or ja", s.Language)
	}
	for _, part := range s.sections() {
		if err := part.complete(abs); err != nil {
			return err
		}
	}
	return nil
}
