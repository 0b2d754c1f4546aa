package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
)

// desired is the site's file of projects and people; nil where there is none.
func (p *program) desired() (*desired.File, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.Desired); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return desired.Load(s.Desired)
}

// site is what plan, apply and user add compare and change.
func (p *program) site() (*desired.Site, error) {
	d, err := p.desk()
	if err != nil {
		return nil, err
	}
	file, err := desired.Load(d.Desired)
	if err != nil {
		return nil, err
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	directory, err := p.stayers()
	if err != nil {
		return nil, err
	}
	files := desired.Files{Host: d.Harbor.Host(), Dir: credentialDir(d.Settings)}
	return &desired.Site{
		File: file, Client: client, Directory: directory, State: d.state, Recorder: d.audit, Keep: files.Keep, Kept: files.Kept, Now: clock,
	}, nil
}
