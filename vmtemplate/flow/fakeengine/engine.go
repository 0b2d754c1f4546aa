// Package fakeengine is what a guided session works with, in memory: workspaces, a
// registry, uploads, and everything that can go wrong with them. It is for tests.
package fakeengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/change"
	"github.com/jrun-hpc/jrun/vmtemplate/flow"
)

// Engine is all three of a session's interfaces. Its fields may be set before it is used.
type Engine struct {
	Kept     string            // whose login is kept
	KeptErr  error             // what the registry says of it
	Password map[string]string // of users
	// LoginErrs and UploadErrs are returned by the next calls, one each; nil lets a call
	// through.
	LoginErrs, UploadErrs []error

	Catalogue, Mine []flow.Image
	CatalogueErr    error
	Versions        map[string][]flow.Tag // by repository
	Quotas          map[string]flow.Quota // by project
	Changed         flow.Changes          // of a workspace after a shell
	NewErr          error
	// Hold stops uploads in the middle until it is closed, or the context ends; nil does
	// not.
	Hold chan struct{}
	// Clock is moved on by what takes time.
	Clock *Clock

	mu      sync.Mutex
	works   []flow.Workspace
	touched map[string]bool
	left    map[string][]string
}

var (
	_ flow.Workspaces = (*Engine)(nil)
	_ flow.Registry   = (*Engine)(nil)
	_ flow.Uploader   = (*Engine)(nil)
)

// Clock is a time that moves when it is told to.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock stands at 29 November 2026, ten in the morning.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 11, 29, 10, 0, 0, 0, time.Local)}
}

// Now is what it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const host = "harbor.example.ac.jp"

// New is a registry with a few images, the user taro with the password himitsu, and no
// workspaces.
func New() *Engine {
	day := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 9, 0, 0, 0, time.Local) }
	image := func(name, description string, megabytes int64, at time.Time) flow.Image {
		return flow.Image{Repository: host + "/shared/" + name, Description: description, Bytes: megabytes * 1e6, Updated: at}
	}
	return &Engine{
		KeptErr:  flow.ErrNoLogin,
		Password: map[string]string{"taro": "himitsu"},
		Catalogue: []flow.Image{
			image("ubuntu", "Ubuntu, a plain system", 29, day(11, 2)),
			image("debian", "Debian, a plain system", 48, day(11, 2)),
			image("rocky", "Rocky Linux, as on the login nodes", 65, day(10, 30)),
			image("python", "Python with NumPy, SciPy, pandas and matplotlib", 412, day(11, 15)),
			image("r-base", "R for statistics, with tidyverse", 806, day(10, 20)),
			image("pytorch", "PyTorch with CUDA, for GPUs", 3890, day(11, 20)),
			image("openfoam", "OpenFOAM 流体解析（Open MPI で並列計算ができます）", 1240, day(9, 12)),
			image("gromacs", "GROMACS 分子動力学", 655, day(8, 3)),
			image("jupyter", "JupyterLab with Python, R and Julia", 1510, day(11, 11)),
		},
		Mine: []flow.Image{{Repository: host + "/taro/cfd", Description: "", Bytes: 530e6, Updated: day(11, 1)}},
		Versions: map[string][]flow.Tag{
			host + "/shared/python": {{Name: "3.13", Bytes: 412e6, Pushed: day(11, 15)}, {Name: "3.12", Bytes: 398e6, Pushed: day(9, 1)}, {Name: "3.11", Bytes: 380e6, Pushed: day(4, 1)}},
			host + "/shared/ubuntu": {{Name: "24.04", Bytes: 29e6, Pushed: day(11, 2)}},
			host + "/taro/cfd":      {{Name: "3", Bytes: 530e6, Pushed: day(11, 1)}, {Name: "2", Bytes: 520e6, Pushed: day(10, 1), Immutable: true}, {Name: "1", Bytes: 519e6, Pushed: day(9, 1)}},
		},
		Quotas: map[string]flow.Quota{"taro": {Used: 7.7e9, Limit: 20e9}, "lab": {}, "full": {Used: 10e9, Limit: 10e9}},
		Changed: flow.Changes{
			Packages: []flow.Package{
				{Manager: "apt", Name: "libgfortran5", Is: "14.2"}, {Manager: "apt", Name: "gfortran", Is: "13.2"}, {Manager: "apt", Name: "gcc", Is: "13.2"},
				{Manager: "apt", Name: "libc6", Was: "2.39-0ubuntu8.3", Is: "2.39-0ubuntu8.4"}, {Manager: "pip", Name: "mpi4py", Is: "4.0.1"},
			},
			Files: 1204, Bytes: 218e6,
			Left: []flow.Left{{Why: change.Cache, Files: 96, Bytes: 111e6}, {Why: change.History, Files: 1, Bytes: 420}},
		},
		Clock: NewClock(), touched: map[string]bool{}, left: map[string][]string{},
	}
}

// Have adds a workspace in which something has been done.
func (e *Engine) Have(w flow.Workspace) {
	e.works = append(e.works, w)
	e.touched[w.Name] = true
}

// LeftOut are the files that were to stay out of a workspace's images.
func (e *Engine) LeftOut(name string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.left[name]
}

// List implements flow.Workspaces.
func (e *Engine) List(context.Context) ([]flow.Workspace, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.works), nil
}

// New implements flow.Workspaces.
func (e *Engine) New(_ context.Context, name, base string, report func(flow.Transfer)) error {
	if e.NewErr != nil {
		return e.NewErr
	}
	report(flow.Transfer{Done: 412e6, All: 412e6})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.works = append(e.works, flow.Workspace{Name: name, Base: base, Used: e.Clock.Now(), Bytes: 218e6})
	return nil
}

// Shell implements flow.Workspaces: lines are echoed until one says exit.
func (e *Engine) Shell(ctx context.Context, name, prompt string, c flow.Console) error {
	prompt += "~ # " // the shell's own part
	fmt.Fprint(c, prompt)
	var typed []byte
	buf := make([]byte, 1)
	for {
		if _, err := c.Read(buf); err != nil {
			if errors.Is(err, io.EOF) {
				return ctx.Err()
			}
			return err
		}
		switch b := buf[0]; b {
		case '\r', '\n':
			if c.Interactive() {
				fmt.Fprint(c, "\r\n")
			}
			if string(typed) == "exit" {
				e.mu.Lock()
				e.touched[name] = true
				e.mu.Unlock()
				return nil
			}
			typed = nil
			fmt.Fprint(c, prompt)
		default:
			typed = append(typed, b)
			if c.Interactive() {
				_, _ = c.Write(buf)
			}
		}
	}
}

// Changes implements flow.Workspaces.
func (e *Engine) Changes(_ context.Context, name string) (flow.Changes, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.touched[name] {
		return flow.Changes{}, nil
	}
	return e.Changed, nil
}

// LeaveOut implements flow.Workspaces.
func (e *Engine) LeaveOut(_ context.Context, name string, paths []string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left[name] = paths
	return nil
}

// Recipe implements flow.Workspaces.
func (e *Engine) Recipe(context.Context, string) (string, error) {
	return "FROM harbor.example.ac.jp/shared/python:3.13@sha256:4f1c\nRUN apt-get update && apt-get install -y --no-install-recommends \\\n    gcc=13.2 \\\n    gfortran=13.2\nRUN pip install mpi4py==4.0.1\n", nil
}

// Remove implements flow.Workspaces.
func (e *Engine) Remove(_ context.Context, name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.works = slices.DeleteFunc(e.works, func(w flow.Workspace) bool { return w.Name == name })
	return nil
}
