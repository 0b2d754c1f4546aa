package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
	"github.com/jrun-hpc/jrun/image/lifecycle/onboarding"
	"github.com/jrun-hpc/jrun/image/lifecycle/service"
	"github.com/jrun-hpc/jrun/image/lifecycle/vmlease"
)

// How often jadm serve does what.
const (
	removeEvery = 6 * time.Hour // what was removed goes for good if its time is over
	usageEvery  = 2 * time.Minute
	aliveEvery  = time.Hour // each digest once a day
	loginsEvery = time.Minute
	renewEvery  = 12 * time.Hour
	leaverEvery = time.Hour
	leaseEvery  = 6 * time.Hour

	mostLogins = 50 // people who are taken in by one round
)

// tasks are what jadm serve does again and again, beside converting.
func (p *program) tasks(m *mirror.Mirror, log *slog.Logger) ([]service.Task, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	book, err := p.book()
	if err != nil {
		return nil, err
	}
	client, err := p.harbor()
	if err != nil {
		return nil, err
	}
	tasks := []service.Task{
		{Name: "collect", Every: removeEvery, Run: m.Collect},
		{Name: "usage", Every: usageEvery, Run: func(ctx context.Context) error {
			_, err := book.CollectStore(ctx, s.Store.Path, clock())
			return err
		}},
		{Name: "keep-alive", Every: aliveEvery, Run: func(ctx context.Context) error {
			_, err := book.KeepAlive(ctx, client, clock(), false)
			return err
		}},
	}
	if directory, err := p.stayers(); err != nil {
		return nil, err
	} else if directory != nil { // else nobody knows people
		more, err := p.tasksOfPeople(log)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, more...)
	}
	if s.Lease.Source != "" {
		tasks = append(tasks, service.Task{Name: "leases", Every: leaseEvery, Run: p.seeToLeases})
	}
	if s.Serve.ApplyEvery > 0 {
		tasks = append(tasks, service.Task{Name: "apply", Every: time.Duration(s.Serve.ApplyEvery), Run: p.applyAgain})
	}
	if s.Serve.RetainEvery > 0 {
		tasks = append(tasks, service.Task{Name: "retain", Every: time.Duration(s.Serve.RetainEvery), Run: p.retainAgain})
	}
	return tasks, nil
}

// tasksOfPeople are about who comes and goes.
func (p *program) tasksOfPeople(log *slog.Logger) ([]service.Task, error) {
	onboarder, err := p.onboarder()
	if err != nil {
		return nil, err
	}
	office, err := p.office()
	if err != nil {
		return nil, err
	}
	tasks := []service.Task{
		{Name: "renew-logins", Every: renewEvery, Run: func(ctx context.Context) error {
			_, err := onboarder.Renew(ctx, onboarding.Choices{Now: clock()})
			return err
		}},
		{Name: "leavers", Every: leaverEvery, Run: func(ctx context.Context) error { return office.Round(ctx, clock()) }},
	}
	if !p.loaded.Onboarding.NoFirstLogins {
		tasks = append(tasks, service.Task{Name: "first-logins", Every: loginsEvery, Run: func(ctx context.Context) error { return takeIn(ctx, onboarder, log) }})
	}
	return tasks, nil
}

// applyAgain is jadm apply, which takes nothing away that jadm did not give.
func (p *program) applyAgain(ctx context.Context) error {
	site, err := p.site()
	if err != nil {
		return err
	}
	_, err = site.Apply(ctx, desired.Options{}, nil, func(desired.Change, error) {})
	return err
}

// retainAgain is jadm retain, for all projects. What it does is in the audit log.
func (p *program) retainAgain(ctx context.Context) error {
	k, err := p.keeper()
	if err != nil {
		return err
	}
	site, err := p.keeping()
	if err != nil {
		return err
	}
	projects, err := p.projectsOr(ctx, nil)
	if err != nil {
		return err
	}
	for _, project := range projects {
		if _, e := site.retain(ctx, k, project); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", project, e))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return err
}

// takeIn onboards those who have logged in to Harbor by themselves.
func takeIn(ctx context.Context, o *onboarding.Onboarder, log *slog.Logger) error {
	outcomes, err := o.FirstLogins(ctx, onboarding.Choices{Now: clock()}, mostLogins)
	for _, one := range outcomes {
		if one.Err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", one.ID, one.Err))
			continue
		}
		log.Info("somebody new was taken in", "person", one.ID, "project", one.Project)
	}
	return err
}

// seeToLeases warns those whose VM ends, and forgets what has ended.
func (p *program) seeToLeases(ctx context.Context) error {
	k, err := p.leaseKeeper()
	if err != nil {
		return err
	}
	if err := p.leasePost(k); err != nil {
		return err
	}
	_, warned := k.Warn(ctx, clock())
	_, swept := k.Sweep(ctx, clock())
	return errors.Join(warned, swept)
}

// reportHandlers take what jbuild tells of workspaces that are not uploaded.
func (p *program) reportHandlers(log *slog.Logger) (map[string]http.Handler, error) {
	d, err := p.desk()
	if err != nil {
		return nil, err
	}
	client, err := httpClient(d.Harbor.CAFile)
	if err != nil {
		return nil, err
	}
	ask := vmlease.AskHarbor(harbor.Options{Base: d.Harbor.Base(), HTTP: client, UserAgent: "jadm/" + version()})
	return map[string]http.Handler{
		vmlease.Path: vmlease.NewHandler(vmlease.HandlerOptions{Reports: vmlease.OpenReports(d.state), Checker: vmlease.NewChecker(ask), Log: log}),
	}, nil
}
