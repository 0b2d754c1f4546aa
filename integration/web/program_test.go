//go:build e2e

package web

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/integration/images"
	"github.com/jrun-hpc/jrun/integration/ordinary"
)

// program is jbuild web as `make build` has made it, run by an ordinary user, with a Harbor
// on this machine that has an image to begin with. It returns the link that it prints.
func program(t *testing.T) (*fakeharbor.Server, string) {
	t.Helper()
	jbuild, err := filepath.Abs("../../bin/jbuild")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(jbuild); err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	user, err := ordinary.Current(cmp.Or(os.Getenv("JBUILD_TEST_USER2"), "jbuild-test2"))
	if err != nil {
		t.Fatal(err)
	}
	base, err := images.Apt(t.Context(), images.Docker)
	if err != nil {
		t.Fatal(err)
	}
	harbor := fakeharbor.New(fakeharbor.Options{})
	t.Cleanup(harbor.Close)
	harbor.AddUser(fakeharbor.User{Name: "taro", Password: "himitsu-7"})
	harbor.AddProject(fakeharbor.Project{Name: "shared", Public: true})
	harbor.AddProject(fakeharbor.Project{Name: "taro", QuotaBytes: 10 << 30})
	harbor.AddMember("taro", "taro", fakeharbor.ProjectAdmin)
	harbor.Push("shared/debian", "12", base)
	harbor.SetDescription("shared/debian", "Debian, a plain system")

	home, err := os.MkdirTemp("/var/tmp", "jbuild-web-")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home, ".config/jbuild")
	text := fmt.Sprintf("registry = %q\nbase_projects = ['shared']\n", harbor.Host)
	err = errors.Join(os.MkdirAll(config, 0o755), os.WriteFile(filepath.Join(config, "jbuild.toml"), []byte(text), 0o644))
	run := filepath.Join(home, "run") // as a login makes it
	err = errors.Join(err, os.Mkdir(run, 0o700))
	for _, path := range []string{home, run, filepath.Join(home, ".config"), config} {
		err = errors.Join(err, os.Chown(path, user.UID, user.GID))
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, jbuild, "--json", "web", "--listen", "127.0.0.1:0")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "USER=" + user.Name, "LOGNAME=" + user.Name, "LANG=C.UTF-8", "TERM=xterm", "XDG_RUNTIME_DIR=" + run, "PATH=/usr/local/bin:/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user.Credential()}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Logf("jbuild web: %v %s", cmd.ProcessState, said.String())
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("jbuild web: %v\n%s", err, said.String())
	}
	var link struct{ Link string }
	if err := json.Unmarshal([]byte(line), &link); err != nil || link.Link == "" {
		t.Fatalf("%s: %v", line, err)
	}
	return harbor, link.Link
}

// TestProgram is the whole way with the real program: a folder is sent in, a program is made
// of it in a real shell, and the image is in the registry.
func TestProgram(t *testing.T) {
	harbor, link := program(t)
	p := newTab(t, nil, look{lang: "ja"})
	p.do(chromedp.Navigate(link))
	p.asked("flow.login.user", harbor.Host)
	p.fill(field, "taro")
	p.next()
	p.asked("flow.login.password", "taro")
	p.fill(field, "himitsu-7")
	p.next()
	p.asked("flow.what")
	p.press(".hero")
	p.asked("flow.base")
	p.choose("debian")
	p.asked("flow.workspace")
	p.next()
	p.terminal("root:~#")

	folder := filepath.Join(t.TempDir(), "case")
	if err := errors.Join(os.MkdirAll(filepath.Join(folder, "in"), 0o755), os.WriteFile(filepath.Join(folder, "in/answer"), []byte("six times seven\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	p.choose(p.text("page.bench.files"))
	p.do(chromedp.SetUploadFiles(chromedp.CSS("[data-pick=folder]"), []string{folder}))
	p.reads(p.text("page.files.done"))
	p.press(".xterm")
	p.keys("cat case/in/answer\r")
	p.terminal("six times seven")
	p.keys("seq 700000 | tail -n 1 > /opt/number; cat /opt/number\r")
	p.terminal("700000")
	p.keys("seq 200000; echo end\r")
	p.terminal("200000end")
	p.do(chromedp.Reload())
	p.terminal("200000end")
	p.choose(p.text("page.bench.changes"))
	p.reads(p.text("page.changes.lead"))
	p.fine("program-inside")

	// A program that was stopped is like an editor with something that is not saved.
	p.press(".xterm")
	p.keys("seq 3; cat\r")
	p.terminal("cat123") // what is typed before belongs to the shell
	p.keys("a line\r")
	p.terminal("a linea line")
	p.key("z", ctrl)
	p.terminal("Stopped")
	p.choose(p.text("page.bench.finish"))
	p.reads(p.text("web.finish.program", "cat"))
	p.choose(p.text("page.bench.stay"))
	p.until("keyboard in the terminal", "document.activeElement.className.includes('xterm')")
	p.keys("fg\r")
	p.terminal("fgcat")
	p.choose(p.text("page.bench.finish"))
	p.reads(p.text("web.finish.program", "cat"))
	p.choose(p.text("page.bench.anyway"))
	p.asked("flow.next")
	p.choose(p.text("flow.next.upload"))
	p.asked("flow.image")
	p.next()
	p.asked("flow.tag")
	p.next()
	p.asked("flow.kind")
	p.press(".proposed")
	p.asked("flow.script")
	p.next()
	p.asked("flow.what")
	p.reads("#PBS")
	p.fine("program-done")
	p.choose(p.text("page.nav.images"))
	p.reads("my-debian")
	p.fine("program-images")
}
