package pbs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// Finding is one check of what jobs with images need of PBS.
type Finding struct {
	Name    string
	Detail  string
	Err     error // a *fault.Error says what to do
	Warning bool  // jobs run all the same
	Skipped bool
}

// Check looks at everything that can be wrong, by the server's and this machine's own
// word.
func (s Server) Check(ctx context.Context, settings Settings) []Finding {
	if _, err := s.run(ctx, "qstat", "-B"); err != nil {
		return []Finding{{Name: "server", Err: fault.New("the PBS server does not answer", err, fault.Say("start it, or correct PBS_SERVER in %s", confFile))}}
	}
	findings := []Finding{{Name: "server", Detail: s.Host.Server}}
	for _, r := range resources {
		findings = append(findings, s.checkResource(ctx, r.name, r.flag))
	}
	hook, seen := s.checkHook(ctx)
	findings = append(findings, hook...)
	if seen {
		findings = append(findings, s.checkContent(ctx, settings)...)
		findings = append(findings, s.checkCompiled(ctx), s.checkCgroups(ctx))
	}
	return append(findings, s.checkMom(), checkProgram(settings), s.checkNodes(ctx, settings))
}

const installNext = "do it as a manager of PBS, on the server: sudo jrun pbs install"

func (s Server) checkResource(ctx context.Context, name, flag string) Finding {
	f := Finding{Name: "resource " + name}
	have, err := s.attributes(ctx, "resource", name)
	switch {
	case err != nil:
		f.Err = fault.New("the server has no such resource", err, installNext)
	case have["type"] != "string" || !strings.Contains(have["flag"], flag):
		f.Err = fault.Newf(fault.Because("it has type=%s flag=%s, and needs type=string flag=%s", have["type"], have["flag"], flag), installNext, "the resource cannot be used")
	default:
		f.Detail = "string, flag " + have["flag"]
	}
	return f
}

// checkHook looks at the hook's attributes. It reports false when there is no hook,
// or this user may not see it.
func (s Server) checkHook(ctx context.Context) (findings []Finding, seen bool) {
	have, err := s.attributes(ctx, "hook", HookName)
	if errors.Is(err, ErrNoSuch) {
		return []Finding{{Name: "hook", Err: fault.New("the hook is not installed", err, installNext)}}, false
	}
	if err != nil {
		return []Finding{{Name: "hook", Skipped: true, Err: unreachable(err)}}, false
	}
	order, err := s.order(ctx)
	if err != nil {
		return []Finding{{Name: "hook", Err: err}}, false
	}
	for _, a := range hookAttributes(order) {
		f := Finding{Name: "hook " + a[0], Detail: have[a[0]]}
		if n, _ := strconv.Atoi(have["order"]); a[0] == "order" && n >= order {
			findings = append(findings, f) // later does no harm
			continue
		}
		if !sameValue(have[a[0]], a[1]) {
			f.Err = fault.Newf(fault.Because("it is %q and should be %q", have[a[0]], a[1]), installNext, "the hook is set up in another way")
			f.Warning = a[0] == "alarm" || a[0] == "freq"
		}
		findings = append(findings, f)
	}
	return findings, true
}

// checkContent compares what the server has with what this jrun would install.
func (s Server) checkContent(ctx context.Context, settings Settings) []Finding {
	config, err := settings.Text()
	if err != nil {
		return []Finding{{Name: "hook's configuration", Err: err}}
	}
	var findings []Finding
	for _, part := range []struct {
		name, kind string
		text       []byte
	}{{"hook's text", "application/x-python", hook}, {"hook's configuration", "application/x-config", config}} {
		f := Finding{Name: part.name, Detail: "that of this jrun"}
		same, err := s.has(ctx, part.kind, part.text)
		switch {
		case err != nil:
			f.Skipped, f.Err = true, unreachable(err)
		case !same:
			f.Err = fault.New("the server has another one than this jrun would install", fault.Because("it is of another version, or jrun.toml has changed"), installNext)
			f.Warning = true
		}
		findings = append(findings, f)
	}
	return findings
}

// checkCompiled lets PBS's own Python, or else the machine's, compile the hook: one
// that does not compile is not run, and jobs are then started without it.
func (s Server) checkCompiled(ctx context.Context) Finding {
	f := Finding{Name: "hook compiles"}
	dir, err := os.MkdirTemp("", "jrun-pbs-")
	if err != nil {
		f.Skipped, f.Err = true, err
		return f
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "hook.py")
	text, err := s.ask(ctx, "export hook "+HookName+" application/x-python default")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		f.Skipped, f.Err = true, unreachable(err)
		return f
	}
	for _, python := range []string{filepath.Join(s.Host.Exec, "python", "bin", "python3"), "python3"} {
		if _, err := exec.LookPath(python); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, python, "-m", "py_compile", file).CombinedOutput()
		if err != nil {
			f.Err = fault.New("Python cannot read the hook, so PBS starts jobs without it", fault.Because("%w: %s", err, strings.TrimSpace(string(out))), installNext)
		}
		f.Detail = "by " + python
		return f
	}
	f.Skipped, f.Err = true, fault.Because("this machine has no python3")
	return f
}

// fuseDevice is what a cgroup must allow, in the words of pbs_cgroups.
const fuseDevice = "c 10:229 rwm"

// checkCgroups looks whether jobs in cgroups may open /dev/fuse.
func (s Server) checkCgroups(ctx context.Context) Finding {
	f := Finding{Name: "cgroups"}
	have, err := s.attributes(ctx, "hook", cgroupsHook)
	if errors.Is(err, ErrNoSuch) || err == nil && !sameValue(have["enabled"], "true") {
		f.Detail = cgroupsHook + " is not in use"
		return f
	}
	text, exportErr := s.ask(ctx, "export hook "+cgroupsHook+" application/x-config default")
	if err = errors.Join(err, exportErr); err != nil {
		f.Skipped, f.Err = true, unreachable(err)
		return f
	}
	var config struct {
		Cgroup map[string]json.RawMessage `json:"cgroup"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		f.Skipped, f.Err = true, fmt.Errorf("the configuration of %s cannot be read: %w", cgroupsHook, err)
		return f
	}
	var devices struct {
		Enabled bool  `json:"enabled"`
		Allow   []any `json:"allow"`
	}
	if raw, ok := config.Cgroup["devices"]; ok {
		if err := json.Unmarshal(raw, &devices); err != nil {
			f.Skipped, f.Err = true, fmt.Errorf("its devices cannot be read: %w", err)
			return f
		}
	}
	if devices.Enabled && !slices.ContainsFunc(devices.Allow, allowsFUSE) {
		f.Err = fault.New("jobs may not open /dev/fuse", fault.Because("the devices that %s allows lack it", cgroupsHook),
			fault.Say(`add the line "%s" to cgroup.devices.allow in its configuration:`, fuseDevice).And("qmgr -c 'export hook %s application/x-config default' > cgroups.json; edit it; qmgr -c 'import hook %s application/x-config default cgroups.json'", cgroupsHook, cgroupsHook))
		return f
	}
	f.Detail = "/dev/fuse is allowed"
	return f
}

// allowsFUSE understands the forms of an entry: "c 10:229 rwm", "c 10:* rwm", "a", or
// ["fuse", "rwm"].
func allowsFUSE(entry any) bool {
	switch e := entry.(type) {
	case string:
		fields := strings.Fields(e)
		return len(fields) > 0 && (fields[0] == "a" ||
			fields[0] == "c" && len(fields) > 1 && slices.Contains([]string{"10:229", "10:*", "*:*"}, fields[1]))
	case []any:
		return len(e) > 0 && e[0] == "fuse"
	}
	return false
}

// checkMom looks whether the MoM of this machine, if it has one, got the hook.
func (s Server) checkMom() Finding {
	f := Finding{Name: "hook at this MoM"}
	dir := filepath.Join(s.Host.Home, "mom_priv", "hooks")
	text, err := os.ReadFile(filepath.Join(dir, HookName+".PY"))
	switch {
	case !s.Host.HasMom:
		f.Skipped, f.Detail = true, "this machine runs no jobs"
	case err == nil && !bytes.Equal(text, hook):
		f.Err = fault.New("the MoM of this machine has another hook", fault.Because("it is of another version"),
			"wait a minute: the server gives it to the MoMs\nor do it as a manager of PBS, on the server: sudo jrun pbs install")
	case err == nil:
		f.Detail = dir
	case errors.Is(err, fs.ErrPermission):
		f.Skipped, f.Detail = true, "only root may look"
	default:
		f.Err = fault.New("the MoM of this machine has no hook, so its jobs run without their images", err, fault.Say("restart it: systemctl restart pbs").And(installNext))
	}
	return f
}

func checkProgram(settings Settings) Finding {
	f := Finding{Name: "jrun here", Detail: settings.Jrun}
	info, err := os.Stat(settings.Jrun)
	if err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
		err = errors.New("it is not executable")
	}
	if err != nil {
		f.Err = fault.Newf(err, "install it there: make install\nor write where it is into /etc/jrun/jrun.toml: [pbs] jrun = \"/path/jrun\", and then: jrun pbs install",
			"this machine has no %s, which the hook starts", settings.Jrun)
	}
	return f
}

// checkNodes compares what the nodes said last.
func (s Server) checkNodes(ctx context.Context, settings Settings) Finding {
	f := Finding{Name: "jrun on nodes"}
	nodes, err := s.Nodes(ctx)
	if err != nil {
		f.Err = err
		return f
	}
	var wrong []string
	for _, n := range nodes {
		switch n.Version {
		case settings.Version:
		case "":
			wrong = append(wrong, n.Name+" has not said yet (wait two minutes)")
		case "missing":
			wrong = append(wrong, n.Name+" has no "+settings.Jrun)
		default:
			wrong = append(wrong, n.Name+" has "+n.Version)
		}
	}
	f.Detail = fmt.Sprintf("%d of %d have %s at %s", len(nodes)-len(wrong), len(nodes), settings.Version, settings.Jrun)
	if len(wrong) > 0 {
		f.Err = fault.New("nodes differ", fault.Because("%s", strings.Join(wrong, "; ")), fault.Say("install the same jrun at %s on all nodes", settings.Jrun))
	}
	return f
}
