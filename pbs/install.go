package pbs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// cgroupsHook is PBS's own hook that puts jobs into cgroups. Ours runs after it, so
// that the program that it moves is the one that PBS started.
const (
	cgroupsHook  = "pbs_cgroups"
	defaultOrder = 150
)

// events of the hook.
const events = "queuejob,modifyjob,execjob_launch,exechost_periodic,exechost_startup"

// Step is one directive of qmgr, and the file that it reads, if any.
type Step struct {
	Directive string // FILE stands for the file's name
	Suffix    string // of the file's name: PBS looks at it
	File      []byte
}

// hookAttributes are what `list hook` must show, by name, in the order of setting.
// fail_action none: a fault of the hook must not take a node out of service.
func hookAttributes(order int) [][2]string {
	return [][2]string{
		{"type", "site"}, {"user", "pbsadmin"}, {"event", events}, {"order", strconv.Itoa(order)},
		{"alarm", "30"}, {"fail_action", "none"}, {"freq", "120"}, {"enabled", "true"},
	}
}

// resources that jobs and nodes get, with their flags: with "m" MoMs see it, with
// "h" it is a node's own.
var resources = []struct{ name, flag string }{{ImageResource, "m"}, {versionResource, "h"}}

// Install lists what must be done so that the server has this hook with these
// settings: nothing if it has.
func (s Server) Install(ctx context.Context, settings Settings) ([]Step, error) {
	var steps []Step
	for _, r := range resources {
		have, err := s.attributes(ctx, "resource", r.name)
		switch {
		case errors.Is(err, ErrNoSuch):
			steps = append(steps, Step{Directive: fmt.Sprintf("create resource %s type=string,flag=%s", r.name, r.flag)})
		case err != nil:
			return nil, unreachable(err)
		case have["type"] != "string":
			return nil, fault.Newf(fault.Because("its type is %s", have["type"]), fault.Say("remove it, if nothing needs it: qmgr -c 'delete resource %s'", r.name),
				"the server has another resource %s", r.name)
		case have["flag"] != r.flag:
			steps = append(steps, Step{Directive: fmt.Sprintf("set resource %s flag=%s", r.name, r.flag)})
		}
	}
	order, err := s.order(ctx)
	if err != nil {
		return nil, err
	}
	have, err := s.attributes(ctx, "hook", HookName)
	isNew := errors.Is(err, ErrNoSuch)
	if err != nil && !isNew {
		return nil, unreachable(err)
	}
	if isNew {
		steps = append(steps, Step{Directive: "create hook " + HookName}, Step{Directive: "set hook " + HookName + " enabled=false"})
	}
	config, err := settings.Text()
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		kind, suffix string
		text         []byte
	}{{"application/x-config", ".json", config}, {"application/x-python", ".py", hook}} {
		if !isNew {
			same, err := s.has(ctx, part.kind, part.text)
			if err != nil {
				return nil, unreachable(err)
			}
			if same {
				continue
			}
		}
		steps = append(steps, Step{Directive: "import hook " + HookName + " " + part.kind + " default FILE", Suffix: part.suffix, File: part.text})
	}
	for _, a := range hookAttributes(order) {
		if isNew || !sameValue(have[a[0]], a[1]) { // enabled is set last, when all is there
			steps = append(steps, Step{Directive: fmt.Sprintf("set hook %s %s=%s", HookName, a[0], quotedValue(a[1]))})
		}
	}
	return steps, nil
}

func unreachable(err error) error {
	return fault.New("the PBS server does not let you look at its hooks", err, "do it as a manager of PBS, on the server: sudo jrun pbs …")
}

func quotedValue(value string) string {
	if strings.Contains(value, ",") {
		return `"` + value + `"`
	}
	return value
}

// sameValue compares values as qmgr shows them: lists in any order and spacing.
func sameValue(shown, wanted string) bool {
	set := func(s string) map[string]bool {
		m := map[string]bool{}
		for _, word := range strings.Split(s, ",") {
			m[strings.ToLower(strings.TrimSpace(word))] = true
		}
		return m
	}
	a, b := set(shown), set(wanted)
	for word := range b {
		if !a[word] {
			return false
		}
	}
	return len(a) == len(b)
}

// order is after that of pbs_cgroups.
func (s Server) order(ctx context.Context) (int, error) {
	other, err := s.attributes(ctx, "hook", cgroupsHook)
	if errors.Is(err, ErrNoSuch) {
		return defaultOrder, nil
	}
	if err != nil {
		return 0, unreachable(err)
	}
	n, _ := strconv.Atoi(other["order"])
	return max(defaultOrder, n+50), nil
}

// has says whether the server's hook has this text as its content or configuration.
func (s Server) has(ctx context.Context, kind string, text []byte) (bool, error) {
	have, err := s.ask(ctx, "export hook "+HookName+" "+kind+" default")
	return bytes.Equal(bytes.TrimSpace(have), bytes.TrimSpace(text)), err
}

// Uninstall lists what must be done to remove the hook. It refuses while jobs that
// name an image wait or run, because they would run without it.
func (s Server) Uninstall(ctx context.Context) ([]Step, error) {
	jobs, err := s.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	if len(jobs) > 0 {
		return nil, fault.Newf(fault.Because("%d jobs name an image, and would run outside of it: %s, …", len(jobs), jobs[0].ID),
			"wait for them, or delete them\nor only stop new ones: qmgr -c 'set queue QUEUE enabled=false'", "the hook is still needed")
	}
	if _, err := s.attributes(ctx, "hook", HookName); errors.Is(err, ErrNoSuch) {
		return nil, nil
	} else if err != nil {
		return nil, unreachable(err)
	}
	return []Step{{Directive: "delete hook " + HookName}}, nil
}

// Do takes the steps.
func (s Server) Do(ctx context.Context, steps []Step) error {
	dir, err := os.MkdirTemp("", "jrun-pbs-")
	if err != nil {
		return fault.New("the hook cannot be given to the server", err, fault.Say("free some room in %s, or set TMPDIR", os.TempDir()))
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for i, step := range steps {
		directive := step.Directive
		if step.File != nil {
			name := filepath.Join(dir, strconv.Itoa(i)+step.Suffix)
			if err := os.WriteFile(name, step.File, 0o600); err != nil {
				return fault.New("the hook cannot be given to the server", err, fault.Say("free some room in %s, or set TMPDIR", os.TempDir()))
			}
			directive = strings.Replace(directive, "FILE", name, 1)
		}
		if _, err := s.run(ctx, "qmgr", "-c", directive); err != nil { // of what it replaces it only remarks
			return fault.Newf(err, "do it as a manager of PBS, on the server: sudo jrun pbs …\nwhat is done can be done again: it goes on where it stopped", "qmgr refuses: %s", step.Directive)
		}
	}
	return nil
}
