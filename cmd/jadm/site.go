package main

import (
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// openDirectory opens what [people] of jadm.toml names; a nil Directory for nothing. It
// is nil in a jadm that knows no directory.
var openDirectory func(*settings.Settings) (people.Directory, error)

// site is what plan, apply and user add compare and change.
func (p *program) site() (*desired.Site, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	file, err := desired.Load(s.Desired)
	if err != nil {
		return nil, err
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	var directory people.Directory
	if openDirectory != nil {
		if directory, err = openDirectory(s); err != nil {
			return nil, err
		}
	}
	dir, err := p.state()
	if err != nil {
		return nil, err
	}
	recorder, err := p.recorder()
	if err != nil {
		return nil, err
	}
	files := desired.Files{Host: s.Harbor.Host(), Dir: credentialDir(s)}
	return &desired.Site{
		File: file, Client: client, Directory: directory, State: dir, Recorder: recorder, Keep: files.Keep, Kept: files.Kept, Now: time.Now,
	}, nil
}
