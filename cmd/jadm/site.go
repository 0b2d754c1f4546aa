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
	directory, err := p.stayers()
	if err != nil {
		return nil, err
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
		File: file, Client: client, Directory: directory, State: dir, Recorder: recorder, Keep: files.Keep, Kept: files.Kept, Now: clock,
	}, nil
}
