package main

import (
	"github.com/jrun-hpc/jrun/image/lifecycle/notice"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

// directory is who there is.
func (p *program) directory() (people.Directory, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	return people.Open(&s.People)
}

// stayers is the directory for those who give rights; nil where jadm.toml names none.
func (p *program) stayers() (people.Directory, error) {
	s, err := p.settings()
	if err != nil || s.People.CSV == "" && s.People.LDAP.URL == "" {
		return nil, err
	}
	directory, err := people.Open(&s.People)
	if err != nil {
		return nil, err
	}
	return staying{directory, p.documents(s)}, nil
}

// post sends letters.
func (p *program) post() (*notice.Post, error) {
	d, err := p.desk()
	if err != nil {
		return nil, err
	}
	return notice.Open(notice.Options{Mail: d.Mail, Language: d.Language, Registry: d.Harbor.Host(), State: d.state, Audit: d.audit, Now: clock})
}

// onboarder takes people in.
func (p *program) onboarder() (*onboarding.Onboarder, error) {
	d, err := p.desk()
	if err != nil {
		return nil, err
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	directory, err := p.directory() // which says when there is none
	if err == nil {
		directory, err = p.stayers()
	}
	if err != nil {
		return nil, err
	}
	post, err := p.post()
	if err != nil {
		return nil, err
	}
	o := onboarding.Options{
		Harbor: client, Registry: d.Harbor.Host(), Directory: directory, Post: post, State: d.state, Audit: d.audit, Settings: d.Onboarding,
	}
	file, err := p.desired()
	if err != nil {
		return nil, err
	}
	if file != nil && file.People != nil {
		site, err := p.site()
		if err != nil {
			return nil, err
		}
		o.Place, o.Settings.Shared = place{site}, file.SharedWithEverybody()
	}
	return onboarding.New(o), nil
}
