//go:build e2e

package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	batch "github.com/jrun-hpc/jrun/integration/pbs"
	"github.com/jrun-hpc/jrun/pbs"
)

// batchTest is a session that submits jobs to a batch system.
type batchTest struct {
	*session
	system batch.System
}

// onBatchSystems runs a scenario on the stand-in for PBS's MoM and, if this machine
// has one whose hook is installed, on a real OpenPBS.
func onBatchSystems(t *testing.T, scenario func(b *batchTest)) {
	t.Run("stand-in", func(t *testing.T) {
		needTool(t, "python3")
		s := newSession(t)
		source, err := filepath.Abs("../pbs")
		if err != nil {
			t.Fatal(err)
		}
		settings := pbs.Settings{Jrun: lab.jrun, DefaultRegistry: lab.registry.Host, Options: []string{"--env", "-e", "--bind", "-B"}}
		mom, err := batch.NewMom(t.Context(), filepath.Join(s.dir, "pbs"), source, s.user, settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mom.Close() })
		scenario(&batchTest{s, mom})
	})
	t.Run("OpenPBS", func(t *testing.T) {
		system, ok := batch.NewReal(lab.user)
		if !ok {
			t.Skip("this machine has no OpenPBS with a free node; docs/pbs.md says how its hook is installed")
		}
		scenario(&batchTest{newSession(t), system})
	})
}

// run submits a job and waits for it; its image is the minimal one if it names none.
func (b *batchTest) run(j batch.Job) batch.Result {
	b.t.Helper()
	ids := b.submit(j)
	return b.wait(ids[0])
}

func (b *batchTest) submit(j batch.Job) []string {
	b.t.Helper()
	if j.Image == "" {
		j.Image = ref(minimal)
	}
	if j.Dir == "" {
		j.Dir = b.dir
	}
	variables := map[string]string{"JRUN_STORE": b.store}
	for name, value := range j.Variables {
		variables[name] = value
	}
	j.Variables = variables
	ids, err := b.system.Submit(b.t.Context(), j)
	if err != nil {
		b.t.Fatal(err)
	}
	return ids
}

func (b *batchTest) wait(id string) batch.Result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	r, err := b.system.Wait(ctx, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// wantResult checks a job's exit status, and what it printed if that is not "*".
func (b *batchTest) wantResult(r batch.Result, exit int, stdout string) {
	b.t.Helper()
	if r.Exit != exit || stdout != "*" && r.Stdout != stdout {
		b.t.Errorf("the job ended with %d, want %d\nstdout: %q, want %q\nstderr: %s", r.Exit, exit, r.Stdout, stdout, r.Stderr)
	}
}

func TestBatchJob(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		b.ok("pull", "--quiet", ref(minimal))
		r := b.run(batch.Job{Script: `#!/bin/sh
. /etc/os-release; echo "$ID $JRUN_IMAGE"
pwd; umask; id -un; echo "$0"
test -r "$0" && echo script; test -r "$PBS_NODEFILE" && echo nodefile
echo "$PBS_ENVIRONMENT $PBS_O_WORKDIR"; ls -d "$PBS_O_WORKDIR"
test -n "$TMPDIR" && touch "$TMPDIR/x" && rm "$TMPDIR/x" && echo tmp
cat /proc/self/stat | cut -d' ' -f6 > "$PBS_O_WORKDIR/session"
echo warning >&2
exit 7
`, Variables: map[string]string{"TMPDIR": "/var/tmp"}})
		lines := strings.Split(r.Stdout, "\n")
		want := []string{"debian " + ref(minimal), b.user.Home, "0077", b.user.Name, lines[min(4, len(lines)-1)], "script", "nodefile", "PBS_BATCH " + b.dir, b.dir, "tmp", ""}
		if !slices.Equal(lines, want) {
			t.Errorf("printed %q\n   want %q\nstderr: %s", lines, want, r.Stderr)
		}
		if r.Exit != 7 || r.Stderr != "warning\n" {
			t.Errorf("exit %d, stderr %q", r.Exit, r.Stderr)
		}
	})
}

// TestBatchInterpreter: what "#!" names is the image's.
func TestBatchInterpreter(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		r := b.run(batch.Job{Image: ref(python), Script: "#!/usr/bin/python3\nimport sys, os\nprint(sys.version_info[0], os.environ['JRUN_IMAGE'])\n"})
		b.wantResult(r, 0, "3 "+ref(python)+"\n")
		r = b.run(batch.Job{Script: "#!/opt/nothing/python9\n"})
		if r.Exit == 0 || !strings.Contains(r.Stderr, "run by /opt/nothing/python9, which the image does not have") {
			t.Errorf("a missing interpreter: %+v", r)
		}
	})
}

func TestBatchProgram(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		r := b.run(batch.Job{Command: []string{"/bin/sh", "-c", `. /etc/os-release; printf '%s\n' "$ID" "$@"; exit 3`, "x", "a,b", `c"d`, `e\f`, "-n", "=g", "h i"}})
		b.wantResult(r, 3, "debian\na,b\nc\"d\ne\\f\n-n\n=g\nh i\n")
		r = b.run(batch.Job{Command: []string{"/no/such/program"}})
		if r.Exit != 127 || !strings.Contains(r.Stderr, "cannot find the command '/no/such/program'") {
			t.Errorf("a missing program: %+v", r)
		}
	})
}

// TestBatchShells: the login shell, another one, and one that the image lacks.
func TestBatchShells(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		script := "shopt -q login_shell && echo login; echo $BASH\n"
		b.wantResult(b.run(batch.Job{Script: "readlink /proc/$PPID/exe; cat /proc/$PPID/cmdline | tr '\\0' ' '\n", Shell: "/bin/dash"}), 0, "/usr/bin/dash\n-dash ")
		b.wantResult(b.run(batch.Job{Script: "#!/bin/bash\n" + strings.Replace(script, "login_shell", "expand_aliases || true", 1), Shell: "/bin/bash"}), 0, "*")
		r := b.run(batch.Job{Script: "echo here\n", Shell: "/bin/no-such-shell"})
		b.wantResult(r, 0, "here\n")
		if !strings.Contains(r.Stderr, "the image has no /bin/no-such-shell") {
			t.Errorf("nothing is said of another shell: %q", r.Stderr)
		}
		b.wantResult(b.run(batch.Job{Script: "#!/bin/sh\necho here\n", Shell: "/bin/no-such-shell"}), 0, "here\n")
	})
}

// TestBatchArray: every subjob runs inside.
func TestBatchArray(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		ids := b.submit(batch.Job{Script: "#!/bin/sh\n. /etc/os-release\necho $ID $PBS_ARRAY_INDEX\n", Array: 3})
		if len(ids) != 3 {
			t.Fatalf("ids %q", ids)
		}
		for i, id := range ids {
			b.wantResult(b.wait(id), 0, fmt.Sprintf("debian %d\n", i+1))
		}
	})
}

// TestBatchTasks: what a job starts through PBS, on any node, is in the sandbox of
// that node.
func TestBatchTasks(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		nodes := min(2, b.system.Nodes())
		r := b.run(batch.Job{Nodes: nodes, Script: `#!/bin/bash
cd "$PBS_O_WORKDIR"
readlink /proc/self/ns/mnt > job.ns
while read node; do
  "$OMPI_MCA_plm_rsh_agent" $node sh -c '. /etc/os-release; cd "$PBS_O_WORKDIR"; echo $ID $(readlink /proc/self/ns/mnt) > task.'$node'; exit 5' < /dev/null
  echo "task $?"
done < "$PBS_NODEFILE"
`})
		b.wantResult(r, 0, strings.Repeat("task 5\n", nodes))
		tasks, err := filepath.Glob(filepath.Join(b.dir, "task.*"))
		if err != nil || len(tasks) == 0 {
			t.Fatalf("no task has run: %v", err)
		}
		met := 0
		for _, task := range tasks {
			fields := strings.Fields(b.read(filepath.Base(task)))
			if len(fields) != 2 || fields[0] != "debian" {
				t.Errorf("%s is not inside: %q", task, fields)
			} else if fields[1] == strings.TrimSpace(b.read("job.ns")) {
				met++
			}
		}
		if met != 1 {
			t.Errorf("%d of %d nodes had the job's sandbox for the task, want the first", met, len(tasks))
		}
	})
}

// TestBatchConversion: the job makes its image, and tells of it where its owner looks.
func TestBatchConversion(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		b.setStore(filepath.Join(b.dir, "store"))
		r := b.run(batch.Job{Script: "#!/bin/sh\necho $JRUN_DIGEST\n"})
		b.wantResult(r, 0, "*")
		if !strings.HasPrefix(r.Stdout, "sha256:") || !strings.Contains(r.Stderr, "jrun: fetched "+ref(minimal)) {
			t.Errorf("got %+v", r)
		}
		again := b.run(batch.Job{Script: "#!/bin/sh\necho $JRUN_DIGEST\n"})
		if again.Stdout != r.Stdout || again.Stderr != "" {
			t.Errorf("the second time: %+v", again)
		}
	})
}

// TestBatchFailure: a job without its image ends with 125, and three parts in .e.
func TestBatchFailure(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		for image, said := range map[string]string{ref("no-such-image:1"): "no-such-image", filepath.Join(b.dir, "none.sqfs"): "none.sqfs"} {
			r := b.run(batch.Job{Image: image, Script: "#!/bin/sh\necho outside\n"})
			b.wantResult(r, 125, "")
			if !faultShape.MatchString(r.Stderr) || !strings.Contains(r.Stderr, said) {
				t.Errorf("%s: %q", image, r.Stderr)
			}
		}
		if b.system.Name() != "stand-in" {
			return // the server refuses the next one at once
		}
		r := b.run(batch.Job{Script: "#!/bin/sh\necho $X; echo outside\n", Variables: map[string]string{"JRUN_OPTIONS": "--env X=y --no-such-option"}})
		b.wantResult(r, 125, "")
	})
}

func TestBatchOptions(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		r := b.run(batch.Job{Script: "#!/bin/sh\necho $X; ls /data\n", Variables: map[string]string{"JRUN_OPTIONS": "--env X=y --bind " + b.dir + "/data:/data"}})
		b.wantResult(r, 125, "") // the directory is not there
		b.user.Mkdir(filepath.Join(b.dir, "data"))
		b.write("data/file", "", 0o600)
		r = b.run(batch.Job{Script: "#!/bin/sh\necho $X; ls /data\n", Variables: map[string]string{"JRUN_OPTIONS": "--env X=y --bind " + b.dir + "/data:/data"}})
		b.wantResult(r, 0, "y\nfile\n")
	})
}

// TestBatchDeleted: qdel ends a job, also what has left its session, and a conversion
// in the middle; nothing stays.
func TestBatchDeleted(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		b.ok("pull", "--quiet", ref(minimal))
		marker := filepath.Join(b.dir, "running")
		ids := b.submit(batch.Job{Script: "#!/bin/sh\nsetsid sleep 98765 &\ntrap 'echo term' TERM\ntouch " + marker + "\nsleep 98764\n"})
		b.awaitFile(marker)
		if err := b.system.Delete(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		if r := b.wait(ids[0]); r.Exit == 0 {
			t.Errorf("a deleted job ended well: %+v", r)
		}
		eventually(t, "the process that left the session is ended with the job", func() bool { return !runs(b.user, "sleep") })
	})
}

func TestBatchDeletedInConversion(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		b.setStore(filepath.Join(b.dir, "store"))
		ids := b.submit(batch.Job{Image: ref(python), Script: "#!/bin/sh\necho outside\n"})
		eventually(t, "the conversion has begun", func() bool {
			return strings.Contains(b.system.Stderr(ids[0]), "converting")
		})
		if err := b.system.Delete(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		r := b.wait(ids[0])
		if r.Exit == 0 || r.Stdout != "" {
			t.Errorf("got %+v", r)
		}
		r = b.run(batch.Job{Image: ref(python), Script: "#!/bin/sh\necho inside\n"})
		b.wantResult(r, 0, "inside\n")
	})
}

// TestBatchRerun: a job that is started again is inside again.
func TestBatchRerun(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		b.ok("pull", "--quiet", ref(minimal))
		marker := filepath.Join(b.dir, "first")
		ids := b.submit(batch.Job{Script: "#!/bin/sh\n. /etc/os-release\nif test -e " + marker + "; then echo $ID again; exit 4; fi\ntouch " + marker + "\nsleep 98764\n"})
		b.awaitFile(marker)
		if err := b.system.Rerun(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		b.wantResult(b.wait(ids[0]), 4, "debian again\n")
	})
}

func (b *batchTest) awaitFile(path string) {
	b.t.Helper()
	eventually(b.t, path+" is there", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// TestBatchInteractive is qsub -I: a proper terminal.
func TestBatchInteractive(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		b.ok("pull", "--quiet", ref(minimal))
		i, err := b.system.Interactive(t.Context(), batch.Job{
			Image: ref(minimal), Dir: b.dir, Variables: map[string]string{"JRUN_STORE": b.store, "PS1": "ready> ", "HISTFILE": "/dev/null"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Terminal.Close()
		term := &terminal{process: &process{s: b.session}, master: i.Terminal, done: make(chan struct{})}
		go term.collect()
		type step struct{ keys, want string }
		for _, s := range []step{
			{". /etc/os-release; echo in-$ID-$JRUN_IMAGE\r", "in-debian-" + ref(minimal)},
			{"tty; test -t 0 && echo on-a-\"terminal\"\r", "on-a-terminal"},
			{"stty size; echo size-\"seen\"\r", "33 99"},
			// What runs in the foreground says so itself.
			{"sh -c 'echo first-\"up\"; exec sleep 98763'\r", "first-up"},
			{"\x03", "^C"},
			{"echo status-$?\r", "status-130"},
			{"sh -c 'echo second-\"up\"; exec sleep 98762'\r", "second-up"},
			{"\x1a", "Stopped"},
			{"kill %1; wait; echo over-\"now\"\r", "over-now"},
			{"echo $PBS_ENVIRONMENT\r", "PBS_INTERACTIVE"},
		} {
			term.typeKeys(s.keys)
			term.expect(s.want)
		}
		term.typeKeys("exit 3\r")
		done := make(chan error, 1)
		go func() { done <- i.Wait() }()
		select {
		case <-done:
		case <-time.After(patience):
			t.Errorf("the session does not end; the screen: %q", term.screen())
		}
	})
}

// TestBatchLimits: what a MoM sets for a job is what its programs have.
func TestBatchLimits(t *testing.T) {
	onBatchSystems(t, func(b *batchTest) {
		t := b.t
		if b.system.Name() != "stand-in" {
			t.Skip("limits are set by the stand-in's caller only")
		}
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 512 * 7, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setrlimit(syscall.RLIMIT_CORE, &before)
		b.wantResult(b.run(batch.Job{Script: "#!/bin/bash\nulimit -c\n"}), 0, strconv.Itoa(512*7/1024)+"\n")
	})
}

// TestBatchRefused: what the hook refuses does not run at all.
func TestBatchRefused(t *testing.T) {
	needTool(t, "python3")
	s := newSession(t)
	source, err := filepath.Abs("../pbs")
	if err != nil {
		t.Fatal(err)
	}
	mom, err := batch.NewMom(t.Context(), filepath.Join(s.dir, "pbs"), source, s.user, pbs.Settings{Jrun: "/nowhere/jrun"})
	if err != nil {
		t.Fatal(err)
	}
	defer mom.Close()
	b := &batchTest{s, mom}
	r := b.run(batch.Job{Script: "#!/bin/sh\necho outside\n"})
	b.wantResult(r, -17, "")
	if !strings.Contains(r.Stderr, "this node has no /nowhere/jrun") {
		t.Errorf("got %q", r.Stderr)
	}
}

// TestBatchMemory warns when there is little for a conversion.
func TestBatchMemory(t *testing.T) {
	s := freshSession(t)
	conf := s.write("pbs.conf", "PBS_EXEC=/opt/none\nPBS_HOME="+s.dir+"\n", 0o644)
	s.env["PBS_CONF_FILE"], s.env["PBS_JOBID"] = conf, "1.memory"
	s.wrap = []string{"bash", "-c", `ulimit -d 400000; exec "$@"`, "x"}
	r := s.run("pbs-launch", "--mode=task", "--image="+ref(minimal), "--", "true")
	if r.code != 0 || !strings.Contains(r.stderr, "job 1.memory has 409.6 MB of memory") {
		t.Errorf("got %+v", r)
	}
}

// TestBatchAllowed: the list of registries counts in the job, too, where the hook could
// have been deceived.
func TestBatchAllowed(t *testing.T) {
	s := freshSession(t)
	s.env["PBS_CONF_FILE"], s.env["PBS_JOBID"] = s.write("pbs.conf", "PBS_HOME="+s.dir+"\n", 0o644), "1.allowed"
	s.env["JRUN_CONFIG"] = s.write("jrun.toml", `allowed_registries = ["harbor.example"]`, 0o644)
	s.run("pbs-launch", "--mode=task", "--image="+ref(minimal), "--", "true").wantFault(125, "harbor.example")
	s.run("pbs-launch", "--mode=task", "--image=--root", "--", "true").wantFault(125, "--root")
	s.run("pbs-launch", "--mode=other", "--image="+ref(minimal), "--", "true").wantFault(125, "jrun pbs install")
	delete(s.env, "PBS_JOBID")
	s.run("pbs-launch", "--mode=task", "--image="+ref(minimal), "--", "true").wantFault(125, "no job of PBS")
}

// TestBatchWithoutHook: a sandbox that jrun makes in a job's script ends with the job
// as well.
func TestBatchWithoutHook(t *testing.T) {
	s := newSession(t)
	s.user.Mkdir(filepath.Join(s.dir, "mom_priv"))
	s.user.Mkdir(filepath.Join(s.dir, "mom_priv/jobs"))
	file := s.write("mom_priv/jobs/1.s.JB", "", 0o600)
	s.env["PBS_CONF_FILE"], s.env["PBS_JOBID"] = s.write("pbs.conf", "PBS_HOME="+s.dir+"\n", 0o644), "1.s"
	s.sh("setsid sleep 98766 >/dev/null 2>&1 </dev/null &")
	eventually(t, "the process runs", func() bool { return runs(s.user, "sleep") })
	time.Sleep(100 * time.Millisecond) // it would be ended meanwhile
	if !runs(s.user, "sleep") {
		t.Error("the process has ended before its job")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is ended with the job", func() bool { return !runs(s.user, "sleep") })
}

// TestPrefetch converts what one's waiting jobs need, as a server lists them.
func TestPrefetch(t *testing.T) {
	s := freshSession(t)
	jobs := fmt.Sprintf(`{"Jobs": {
 "1.s": {"Job_Owner": "%[1]s@login", "job_state": "Q", "Resource_List": {"container_image": "%[2]s"}},
 "2.s": {"Job_Owner": "%[1]s@login", "job_state": "H", "Variable_List": {"CONTAINER_IMAGE": "%[3]s"}},
 "3.s": {"Job_Owner": "%[1]s@login", "job_state": "Q", "Resource_List": {"container_image": "%[2]s"}},
 "4.s": {"Job_Owner": "%[1]s@login", "job_state": "R", "Resource_List": {"container_image": "%[4]s"}},
 "5.s": {"Job_Owner": "somebody@login", "job_state": "Q", "Resource_List": {"container_image": "%[5]s"}}}}`,
		s.user.Name, ref(minimal), ref("no-such-image:1"), ref(python), ref(layered))
	s.user.Mkdir(filepath.Join(s.dir, "bin"))
	s.write("jobs.json", jobs, 0o644)
	s.write("bin/qstat", "#!/bin/sh\ncat "+s.dir+"/jobs.json\n", 0o755)
	s.env["PBS_CONF_FILE"] = s.write("pbs.conf", "PBS_EXEC="+s.dir+"\nPBS_HOME="+s.dir+"\n", 0o644)
	if got := s.ok("pbs", "prefetch", "--dry-run"); got != ref(minimal)+"\n"+ref("no-such-image:1") {
		t.Errorf("one's own: %q", got)
	}
	if got := s.ok("pbs", "prefetch", "--site", "--dry-run"); !strings.HasSuffix(got, "\n"+ref(layered)) || strings.Contains(got, ref(python)) {
		t.Errorf("everybody's: %q", got)
	}
	s.run("pbs", "prefetch", "--site").wantFault(125, "converts images in the jobs", `convert = "queue"`)
	r := s.run("pbs", "prefetch", "--quiet").want(125)
	if !strings.Contains(r.stderr, "1 of 2 images could not be made ready") || !strings.Contains(r.stderr, "no-such-image") {
		t.Errorf("got %q", r.stderr)
	}
	if r := s.run("run", ref(minimal), "true").want(0); r.stderr != "" {
		t.Errorf("the image was not ready: %q", r.stderr)
	}
}
