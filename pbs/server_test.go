package pbs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
)

// servant answers as PBS's programs do; what it says was copied from a real one.
type servant struct {
	t         *testing.T
	resources string            // list resource
	hooks     string            // list hook
	exported  map[string]string // by "hook kind"
	jobs      string            // qstat
	nodes     string
	refused   string   // what who is no manager is told
	done      []string // directives that change something
}

const (
	noResources = "#\n# Create resources and set their properties.\n#\n"
	twoOfThem   = noResources + "Resource container_image\n    type = string\n    flag = m\n\nResource jrun_version\n    type = string\n    flag = h\n\n"
	cgroupsOff  = "Hook pbs_cgroups\n    type = site\n    enabled = false\n    event = execjob_begin,execjob_epilogue,\n\texecjob_attach\n    order = 100\n\n"
	cgroupsOn   = "Hook pbs_cgroups\n    type = site\n    enabled = true\n    event = execjob_begin\n    order = 180\n\n"
	hookThere   = "Hook jrun\n    type = site\n    enabled = true\n    event = queuejob,modifyjob,execjob_launch,exechost_periodic,\n\texechost_startup\n" +
		"    user = pbsadmin\n    alarm = 30\n    freq = 120\n    order = 150\n    debug = false\n    fail_action = none\n\n"
)

func (c *servant) run(_ context.Context, program string, args ...string) ([]byte, error) {
	switch program {
	case "qstat":
		if slices.Contains(args, "-B") {
			return []byte("Server\n"), nil
		}
		return []byte(c.jobs), nil
	case "pbsnodes":
		return []byte(c.nodes), nil
	}
	directive := args[1]
	switch {
	case directive == "list resource":
		return []byte(c.resources), nil
	case c.refused != "":
		return nil, errors.New(c.refused)
	case directive == "list hook":
		return []byte(c.hooks), nil
	case strings.HasPrefix(directive, "export hook "):
		fields := strings.Fields(directive)
		return []byte(c.exported[fields[2]+" "+fields[3]]), nil
	}
	if fields := strings.Fields(directive); fields[0] == "import" {
		text, err := os.ReadFile(fields[5])
		if err != nil {
			c.t.Errorf("%s: %v", directive, err)
		}
		c.exported[fields[2]+" "+fields[3]] = string(text)
		directive = strings.Replace(directive, filepath.Dir(fields[5]), "", 1)
	}
	c.done = append(c.done, directive)
	return nil, nil
}

func (c *servant) server() Server {
	return Server{Host: Host{Exec: "/opt/pbs", Home: "/var/spool/pbs", Server: "pbsserver"}, Run: c.run}
}

// exported is what a server has after an installation.
func exported(t *testing.T, s Settings) map[string]string {
	t.Helper()
	text, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"jrun application/x-python": string(hook), "jrun application/x-config": string(text)}
}

func TestInstall(t *testing.T) {
	attributes := []string{
		"set hook jrun type=site", "set hook jrun user=pbsadmin",
		`set hook jrun event="queuejob,modifyjob,execjob_launch,exechost_periodic,exechost_startup"`, "set hook jrun order=150",
		"set hook jrun alarm=30", "set hook jrun fail_action=none", "set hook jrun freq=120", "set hook jrun enabled=true",
	}
	older := exported(t, site)
	older["jrun application/x-python"] = "# older\n"
	for name, test := range map[string]struct {
		servant servant
		want    []string
	}{
		"a new server": {servant{resources: noResources, hooks: cgroupsOff, exported: map[string]string{}}, slices.Concat([]string{
			"create resource container_image type=string,flag=m", "create resource jrun_version type=string,flag=h",
			"create hook jrun", "set hook jrun enabled=false",
			"import hook jrun application/x-config default /0.json", "import hook jrun application/x-python default /1.py",
		}, attributes)},
		"one that has all":    {servant{resources: twoOfThem, hooks: cgroupsOff + hookThere, exported: exported(t, site)}, nil},
		"one with an older":   {servant{resources: twoOfThem, hooks: hookThere, exported: older}, []string{"import hook jrun application/x-python default /0.py"}},
		"a resource for none": {servant{resources: strings.Replace(twoOfThem, "flag = m", "flag = h", 1), hooks: hookThere, exported: exported(t, site)}, []string{"set resource container_image flag=m"}},
		"a later pbs_cgroups": {servant{resources: twoOfThem, hooks: cgroupsOn + hookThere, exported: exported(t, site)}, []string{"set hook jrun order=230"}},
		"turned off":          {servant{resources: twoOfThem, hooks: strings.Replace(hookThere, "enabled = true", "enabled = false", 1), exported: exported(t, site)}, []string{"set hook jrun enabled=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.servant
			c.t = t
			steps, err := c.server().Install(t.Context(), site)
			if err == nil {
				err = c.server().Do(t.Context(), steps)
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range c.done {
				if fields := strings.Fields(d); fields[0] == "import" { // the number is the step's
					c.done[i] = strings.Join(fields[:5], " ") + " *" + filepath.Ext(fields[5])
				}
			}
			want := slices.Clone(test.want)
			for i, d := range want {
				if fields := strings.Fields(d); fields[0] == "import" {
					want[i] = strings.Join(fields[:5], " ") + " *" + filepath.Ext(fields[5])
				}
			}
			if diff := cmp.Diff(want, c.done); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for part, text := range exported(t, site) {
				if c.exported[part] != text {
					t.Errorf("the server has another %s", part)
				}
			}
		})
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, c := range map[string]*servant{
		"no manager":       {t: t, resources: twoOfThem, refused: "alice@login is unauthorized to access hooks data from server"},
		"another resource": {t: t, resources: strings.Replace(twoOfThem, "type = string", "type = long", 1), hooks: hookThere},
	} {
		_, err := c.server().Install(t.Context(), site)
		var f *fault.Error
		if !errors.As(err, &f) || f.Next == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const twoJobs = `{"pbs_server": "pbsserver", "Jobs": {
 "9.pbsserver": {"Job_Owner": "bob@login", "job_state": "Q", "queue": "workq", "Resource_List": {"ncpus": 1, "container_image": "reg/b:1"}, "Variable_List": {"A": 3}},
 "10.pbsserver": {"Job_Owner": "alice@login", "job_state": "Q", "Resource_List": {"ncpus": 1}},
 "11[].pbsserver": {"Job_Owner": "alice@login", "job_state": "B", "queue": "gpu", "Variable_List": {"CONTAINER_IMAGE": "reg/a:1"}}}}`

func TestJobs(t *testing.T) {
	c := &servant{t: t, jobs: twoJobs}
	jobs, err := c.server().Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Job{{"9.pbsserver", "bob", "Q", "reg/b:1", "workq"}, {"11[].pbsserver", "alice", "B", "reg/a:1", "gpu"}}
	if diff := cmp.Diff(want, jobs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	waiting, err := c.server().Waiting(t.Context())
	if err != nil || len(waiting) != 1 || waiting[0].ID != "9.pbsserver" {
		t.Errorf("waiting: %v, %v", waiting, err)
	}
	for _, text := range []string{"", "{", `{"Jobs": 3}`, `{"Jobs": {"1": 3}}`} {
		var f *fault.Error
		if _, err := (&servant{t: t, jobs: text}).server().Jobs(t.Context()); !errors.As(err, &f) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if jobs, err := (&servant{t: t, jobs: `{"pbs_server": "x"}`}).server().Jobs(t.Context()); err != nil || len(jobs) != 0 {
		t.Errorf("without jobs: %v, %v", jobs, err)
	}
}

func TestUninstall(t *testing.T) {
	c := &servant{t: t, jobs: twoJobs, hooks: hookThere}
	var f *fault.Error
	if _, err := c.server().Uninstall(t.Context()); !errors.As(err, &f) || !strings.Contains(f.Error(), "9.pbsserver") {
		t.Errorf("with jobs: %v", err)
	}
	c.jobs = `{"Jobs": {}}`
	steps, err := c.server().Uninstall(t.Context())
	if err != nil || len(steps) != 1 || steps[0].Directive != "delete hook jrun" {
		t.Errorf("without jobs: %v, %v", steps, err)
	}
	c.hooks = cgroupsOff
	if steps, err := c.server().Uninstall(t.Context()); err != nil || steps != nil {
		t.Errorf("without a hook: %v, %v", steps, err)
	}
}

// goodServant has nothing wrong; settings fit it.
func goodServant(t *testing.T) (*servant, Settings) {
	t.Helper()
	s := site
	s.Version = "1.2"
	return &servant{
		t: t, resources: twoOfThem, hooks: hookThere + cgroupsOff, exported: exported(t, s),
		nodes: `{"nodes": {"n1": {"state": "free", "resources_available": {"ncpus": 8, "jrun_version": "1.2"}}}}`,
	}, s
}

func TestCheck(t *testing.T) {
	allow := func(devices string) map[string]string {
		all := exported(t, func() Settings { s := site; s.Version = "1.2"; return s }())
		all["pbs_cgroups application/x-config"] = `{"cgroup": {"devices": ` + devices + `}}`
		return all
	}
	late := strings.Replace(hookThere, "order = 150", "order = 300", 1)
	for name, test := range map[string]struct {
		change func(c *servant, s *Settings)
		finds  string // the name of what is found, and a part of the text
	}{
		"nothing":     {func(*servant, *Settings) {}, ""},
		"no hook":     {func(c *servant, _ *Settings) { c.hooks = cgroupsOff }, "hook: the hook is not installed"},
		"no resource": {func(c *servant, _ *Settings) { c.resources = noResources }, "resource container_image: the server has no such resource"},
		"wrong flag":  {func(c *servant, _ *Settings) { c.resources = strings.Replace(c.resources, "flag = m", "flag = q", 1) }, "resource container_image: the resource cannot be used"},
		"turned off": {func(c *servant, _ *Settings) {
			c.hooks = strings.Replace(c.hooks, "enabled = true", "enabled = false", 1)
		}, "hook enabled: the hook is set up in another way"},
		"offlines nodes": {func(c *servant, _ *Settings) { c.hooks = strings.Replace(c.hooks, "= none", "= offline_vnodes", 1) }, "hook fail_action: "},
		"before cgroups": {func(c *servant, _ *Settings) {
			c.hooks = hookThere + cgroupsOn
			c.exported = allow(`{"enabled": false}`)
		}, "hook order: "},
		"later than needed": {func(c *servant, _ *Settings) { c.hooks = late + cgroupsOff }, ""},
		"another text":      {func(c *servant, _ *Settings) { c.exported["jrun application/x-python"] = "pass\n" }, "hook's text: "},
		"does not compile":  {func(c *servant, _ *Settings) { c.exported["jrun application/x-python"] = "def (\n" }, "hook compiles: Python cannot read the hook"},
		"another config":    {func(_ *servant, s *Settings) { s.Jrun = "/bin/cat" }, "hook's configuration: "},
		"no fuse": {func(c *servant, _ *Settings) {
			c.hooks = late + cgroupsOn
			c.exported = allow(`{"enabled": true, "allow": ["b *:* rwm", "c 195:* m", ["nvidia", "rwm"]]}`)
		}, "cgroups: jobs may not open /dev/fuse"},
		"all devices": {func(c *servant, _ *Settings) {
			c.hooks = late + cgroupsOn
			c.exported = allow(`{"enabled": true, "allow": ["b *:* rwm", "c *:* rwm"]}`)
		}, ""},
		"fuse": {func(c *servant, _ *Settings) {
			c.hooks = late + cgroupsOn
			c.exported = allow(`{"enabled": true, "allow": ["c 10:229 rwm"]}`)
		}, ""},
		"no jrun here": {func(c *servant, s *Settings) {
			s.Jrun = "/nowhere/jrun"
			c.exported = exported(t, *s)
		}, "jrun here: this machine has no /nowhere/jrun"},
		"node without":  {func(c *servant, _ *Settings) { c.nodes = strings.Replace(c.nodes, `"1.2"`, `"missing"`, 1) }, "jrun on nodes: nodes differ: n1 has no /bin/sh"},
		"node, another": {func(c *servant, _ *Settings) { c.nodes = strings.Replace(c.nodes, `"1.2"`, `"1.1"`, 1) }, "jrun on nodes: nodes differ: n1 has 1.1"},
		"silent node":   {func(c *servant, _ *Settings) { c.nodes = strings.Replace(c.nodes, "jrun_version", "x", 1) }, "jrun on nodes: nodes differ: n1 has not said yet"},
		"no manager":    {func(c *servant, _ *Settings) { c.refused = "unauthorized" }, "hook: the PBS server does not let you look"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := goodServant(t)
			test.change(c, &s)
			var found []string
			for _, f := range c.server().Check(t.Context(), s) {
				if f.Err != nil {
					found = append(found, f.Name+": "+f.Err.Error())
				}
			}
			text := strings.Join(found, "\n")
			if (test.finds == "") != (len(found) == 0) || !strings.Contains(text, test.finds) {
				t.Errorf("found %q, want %q", text, test.finds)
			}
		})
	}
}

// TestRealPrograms runs a program that says something and succeeds, as qmgr does to
// who is no manager.
func TestRealPrograms(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := Server{Host: Host{Exec: dir}}
	for script, wrong := range map[string]struct{ asked, done string }{
		"echo out":                {},
		"echo out; echo said >&2": {},
		"echo said  it >&2":       {asked: "said it"}, // contents overwritten, as well as unauthorized
		"echo said >&2; exit 3":   {"said", "said"},
		"exit 4":                  {"exit status 4", "exit status 4"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "bin", "qmgr"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		check := func(what, wrong string, out []byte, err error) {
			t.Helper()
			if (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) || err == nil && len(out) > 0 && string(out) != "out\n" {
				t.Errorf("%q, %s: %q, %v", script, what, out, err)
			}
		}
		out, err := s.ask(t.Context(), "list hook")
		check("asked", wrong.asked, out, err)
		check("done", wrong.done, nil, s.Do(t.Context(), []Step{{Directive: "set hook jrun enabled=true"}}))
	}
	if _, err := s.run(t.Context(), "missing"); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a missing program: %v", err)
	}
}

func TestReadHost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pbs.conf")
	t.Setenv("PBS_CONF_FILE", file)
	var f *fault.Error
	if _, err := ReadHost(); !errors.As(err, &f) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(file, []byte("# PBS\nPBS_SERVER=s1\n PBS_EXEC = \"/opt/my pbs\" \nPBS_START_MOM=1\nOTHER=x\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := ReadHost()
	if want := (Host{Exec: "/opt/my pbs", Home: "/var/spool/pbs", Server: "s1", HasMom: true}); err != nil || h != want {
		t.Errorf("got %+v, %v, want %+v", h, err, want)
	}
	if got := h.jobFile("../x", ".JB"); got != "" {
		t.Errorf("an id with a slash leads to %s", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("fs/memory/memory.limit_in_bytes", "9223372036854771712\n")
	write("fs/memory/pbs_jobs/1.x/memory.limit_in_bytes", "268435456\n")
	write("fs/pbs_jobs.service/jobid/1.x/memory.max", "max\n")
	write("fs/pbs_jobs.service/memory.max", "1000000\n")
	for own, want := range map[string]int64{
		"11:cpu:/pbs_jobs/1.x\n9:hugetlb,memory:/pbs_jobs/1.x\n0::/\n": 268435456,
		"0::/pbs_jobs.service/jobid/1.x\n":                             1000000,
		"0::/elsewhere\n":                                              1<<63 - 1,
		"nonsense\n":                                                   1<<63 - 1,
	} {
		if got := cgroupLimit(write("cgroup", own), filepath.Join(root, "fs")); got != want {
			t.Errorf("%q: %d, want %d", own, got, want)
		}
	}
	if MemoryLimit() <= 0 {
		t.Error("this process may use no memory")
	}
}
