//go:build e2e

package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// project lays out a directory to build from.
func (s *session) project(name string, files map[string]string) string {
	s.t.Helper()
	dir := filepath.Join(s.home, name)
	for file, text := range files {
		path := filepath.Join(dir, file)
		text = strings.ReplaceAll(text, "$BASE", ref(base))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := chownAll(dir, s.user.UID, s.user.GID); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// TestBuild goes through what docker build and the words around it do.
func TestBuild(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		dir := s.project("one", map[string]string{
			"Dockerfile": "FROM $BASE\nENV KIND=docker\nCOPY file /copied\nRUN test -s \"$SSL_CERT_FILE$APT_CONFIG\" || test -s \"$APT_CONFIG\"; date +%s%N >/when\nRUN sleep 1000 & ls /proc | grep -c '^[0-9]' >/processes\n",
			"file":       "content\n",
		})
		s.run("build", "-t", "one", "-t", "second/name:2", dir).ok().says("STEP 4/5: RUN ", "built the image one:latest")
		first := strings.TrimSpace(s.run("build", "-q", dir).ok().stdout)
		if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(first) {
			t.Errorf("--quiet prints %q", first)
		}
		s.run("build", dir).ok().says("unchanged")
		again := strings.TrimSpace(s.run("build", "-q", "--no-cache", "-t", "again", dir).ok().stdout)
		if again == first {
			t.Error("--no-cache gives the same image")
		}

		var inspected []struct {
			RepoTags []string
			Config   struct{ Env []string }
		}
		if err := json.Unmarshal([]byte(s.run("inspect", "one").ok().stdout), &inspected); err != nil || len(inspected) != 1 {
			t.Fatalf("%v, %v", inspected, err)
		}
		if env := strings.Join(inspected[0].Config.Env, " "); strings.Contains(env, ".jbuild") || !strings.Contains(env, "KIND=docker") {
			t.Errorf("the image's environment is %s", env)
		}
		slices.Sort(inspected[0].RepoTags)
		if names := strings.Join(inspected[0].RepoTags, " "); names != "localhost/one:latest localhost/second/name:2" {
			t.Errorf("the image's names are %s", names)
		}
		s.run("history", "one").ok().says("COPY file:", "ENV KIND=docker")

		// What is in it, seen from a workspace; the build's processes see only their own.
		s.run("new", "--base", "one", "--name", "w").ok()
		r := s.run("run", "w", "--", "sh", "-c", "cat /copied; ls -A /dev/.jbuild/handover.json /run 2>&1; echo $KIND; cat /processes").ok()
		r.says("content", "docker")
		if n := strings.Fields(r.stdout); len(n) == 0 || len(n[len(n)-1]) > 1 {
			t.Errorf("a RUN sees other processes than its own:\n%s", r.stdout)
		}

		s.run("docker-compat", "image", "tag", "one", "third:3").ok()
		s.run("images").ok().says("third", "second/name", ref("base/debian"))
		s.run("docker-compat", "rmi", "third:3", "second/name:2", "again").ok()
		if list := s.run("docker-compat", "images").ok().stdout; strings.Contains(list, "third") || !strings.Contains(list, "one") {
			t.Errorf("after rmi:\n%s", list)
		}
		s.run("rmi", "one").fails("workspace")
		s.run("rm", "w").ok()
		s.run("rmi", "one").ok()
		s.run("prune").ok()
		if list := strings.Fields(s.run("images", "-aq").ok().stdout); len(list) != 1 {
			t.Errorf("after prune there are %d images, not the base alone: %v", len(list), list)
		}
		s.run("docker-compat", "run", "one").fails("jrun")
	})
}

// TestBuildFails: a build that fails says in which line, why, and what to do; a RUN's
// status becomes jbuild's.
func TestBuildFails(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		dir := s.project("bad", map[string]string{
			"status":   "FROM $BASE\n\nRUN true\nRUN echo the reason; exit 7\n",
			"killed":   "FROM $BASE\nRUN kill -9 $$\n",
			"missing":  "FROM $BASE\nRUN no-such-program\n",
			"copy":     "FROM $BASE\nCOPY nothing /\n",
			"misspelt": "FROM $BASE\nRUNN true\n",
			"image":    "FROM " + ref("no/such:1") + "\n",
			"platform": "FROM --platform=linux/s390x $BASE\n",
			"network":  "FROM $BASE\nRUN --network=none bash -c 'exec 3<>/dev/tcp/" + strings.Replace(lab.registry.Host, ":", "/", 1) + "'\n",
			"bind":     "FROM $BASE\nRUN --mount=type=bind,source=other,target=/x cat /x\n",
			"other":    "x",
		})
		build := func(file string) *result { return s.run("build", "-f", filepath.Join(dir, file), dir) }
		build("status").status(7).says("line 4", "the reason", "status 7", "next: ")
		s.run("build", "-q", "-f", filepath.Join(dir, "status"), dir).status(7).says("the reason")
		build("killed").status(137).says("line 2", "killed")
		build("missing").status(127).says("line 2", "not in the image")
		build("copy").fails("line 2", "nothing", ".dockerignore")
		build("misspelt").fails("line 2", "RUNN")
		build("image").fails("line 1", "no/such")
		build("platform").fails("line 1", "s390x")
		build("network").status(1).says("line 2")
		build("absent").fails("absent")
		s.run("build", "-t", "Capital", dir).fails("Capital")
		s.run("build", "--secret", "id=x,src=/nowhere", dir).fails("--secret")
		s.run("build", "--platform", "linux/s390x", "-f", filepath.Join(dir, "killed"), dir).fails("s390x")
		if os.Getuid() == 0 {
			if err := os.Chown(filepath.Join(dir, "other"), 0, 0); err != nil {
				t.Fatal(err)
			}
			build("bind").fails("line 2", "another user")
		}
		for _, r := range []*result{build("status"), build("copy")} {
			if strings.Contains(r.stdout+r.stderr, "subprocess") || strings.Contains(r.stderr, "buildah-context") {
				t.Errorf("it speaks of its insides:\n%s%s", r.stdout, r.stderr)
			}
		}
		if list := s.run("images", "-q").ok().stdout; strings.Count(list, "\n") > 1 {
			t.Errorf("failed builds left images with names:\n%s", s.run("images").stdout)
		}
	})
}

// TestBuildFromStdin: a Dockerfile or a tar file instead of a directory.
func TestBuildFromStdin(t *testing.T) {
	s := newSession(t, lab.plain)
	dir := s.project("in", map[string]string{"Dockerfile": "FROM $BASE\nCOPY file /x\nRUN grep here /x\n", "file": "here\n"})
	from := func(in string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := s.command(ctx, "sh", append([]string{"-c", in + ` | jbuild "$@"`, "sh"}, args...)...)
		cmd.Dir = dir
		if err := quiet(cmd); err != nil {
			t.Error(err)
		}
	}
	from("echo FROM "+ref(base), "build", "-q", "-")
	from("tar cz .", "build", "-q", "-")
	from("tar c .", "build", "-q", "-")
	from("sed s/here/h/ Dockerfile", "build", "-q", "-f", "-", ".")
}

// TestBuildEnded: signals end a build and all that it runs at once, and leave nothing;
// after SIGKILL the next jbuild cleans up.
func TestBuildEnded(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		dir := s.project("long", map[string]string{
			"Dockerfile": "FROM $BASE\nRUN echo layer >/l\nRUN sleep 1001 & trap '' TERM INT HUP; echo begun; sleep 1000; sleep 1000\n",
		})
		tmp := filepath.Join(s.home, ".local/share/jbuild/tmp")
		for _, end := range []struct {
			signal syscall.Signal
			group  bool // as the terminal sends it
			status int
		}{
			{syscall.SIGINT, true, 130}, {syscall.SIGTERM, false, 143}, {syscall.SIGHUP, false, 129}, {syscall.SIGKILL, false, 137}, {syscall.SIGKILL, true, 137},
		} {
			if got := s.endWhen("begun", end.signal, end.group, "build", dir); got != end.status {
				t.Errorf("after %v the status is %d, not %d", end.signal, got, end.status)
			}
			s.nothingRuns()
			if end.signal == syscall.SIGKILL {
				s.run("images").ok()
			}
			left, err := os.ReadDir(tmp)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range left {
				if !strings.HasPrefix(e.Name(), "buildah-cache-") && !strings.HasPrefix(e.Name(), "storage-run-") {
					t.Errorf("%v leaves %s", end.signal, e.Name())
				}
			}
			if n := s.containers(); n != 0 {
				t.Errorf("%v leaves %d containers", end.signal, n)
			}
		}
	})
}

// containers counts those of the user's store that are no workspaces'.
func (s *session) containers() int {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.home, ".local/share/jbuild/storage/*-containers/*containers.json"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("there is no list of containers (%v)", err)
	}
	n := 0
	for _, file := range files {
		var all []struct{ Names []string }
		text, err := os.ReadFile(file)
		if err = errors.Join(err, json.Unmarshal(text, &all)); err != nil {
			s.t.Fatal(err)
		}
		for _, c := range all {
			if len(c.Names) == 0 || !strings.HasPrefix(c.Names[0], "workspace-") {
				n++
			}
		}
	}
	return n
}

// endWhen runs jbuild, sends a signal when it has printed a word on a line of its own, and
// returns its status.
func (s *session) endWhen(word string, signal syscall.Signal, group bool, args ...string) int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, lab.jbuild, args...)
	cmd.SysProcAttr.Setpgid = true
	out, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var said bytes.Buffer
	for buf := make([]byte, 4096); !strings.Contains(said.String(), "\n"+word+"\n"); {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			s.t.Fatalf("it did not say %q:\n%s", word, said.String())
		}
	}
	pid := cmd.Process.Pid
	if group {
		pid = -pid
	}
	asked := time.Now()
	if err := syscall.Kill(pid, signal); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait()
	if took := time.Since(asked); took > 8*time.Second {
		s.t.Errorf("it went on for %v after %v", took, signal)
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
