//go:build e2e

package builder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal/screen"
)

// guided is jbuild alone, on a terminal.
type guided struct {
	*screen.Screen
	s     *session
	lang  string
	say   *message.Printer
	ended chan error
	lines int // typed in the shell
}

// changing is what differs each time, and what stands there in golden screens. Ports and
// dates are as long as what replaces them, so that lines break at the same places.
var changing = []struct {
	is *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d{5}`), "127.0.0.1:PPPPP"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d`), "YYYY-MM-DD"},
	{regexp.MustCompile(`\b\d\d:\d\d\b`), "HH:MM"},
	{regexp.MustCompile(`(\S) +\d[\d.,]* [kMG]?B\b`), "$1 SIZE"}, // also where columns are aligned
	{regexp.MustCompile(`\d[\d.,]* [kMG]?B\b`), "SIZE"},
	{regexp.MustCompile(`(?m)^  \d+ %, .*\n`), ""}, // progress, where it is printed line by line
	{regexp.MustCompile(`(hand with jbuild|# [\w.-]+: jbuild) \S+`), "$1 VERSION"},
	{regexp.MustCompile(`/var/tmp/jbuild-test-\d+/home-\d+`), "HOME"},
}

// digests are hexadecimal; lines may break within them.
var digests = regexp.MustCompile(`\b[0-9a-f]{20,64}\b`)

func masked(text string) string {
	for _, c := range changing {
		text = c.is.ReplaceAllString(text, c.by)
	}
	return digests.ReplaceAllStringFunc(text, func(digest string) string { return strings.Repeat("x", len(digest)) })
}

// startGuided starts jbuild on a terminal of 80 by 24.
func (s *session) startGuided(lang string) *guided {
	s.t.Helper()
	printer, ok := message.For(lang)
	if !ok {
		s.t.Fatalf("there is no language %s", lang)
	}
	g := &guided{Screen: screen.New(s.t, 80, 24), s: s, lang: lang, say: printer, ended: make(chan error, 1)}
	g.Patience, g.Mask = time.Minute, masked
	if err := os.Chown(g.Line().Name(), s.user.UID, s.user.GID); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := s.command(ctx, lab.jbuild)
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG="+map[string]string{"en": "C.UTF-8", "ja": "ja_JP.UTF-8"}[lang])
	g.Start(cmd)
	go func() { g.ended <- cmd.Wait(); close(g.ended) }()
	s.t.Cleanup(func() {
		cancel()
		<-g.ended
	})
	return g
}

// asks waits for a text of the catalogue.
func (g *guided) asks(name string, args ...any) {
	g.s.t.Helper()
	g.Wait(g.say.Text(message.Of(name, args...)))
}

// picture compares the screen with its golden one.
func (g *guided) picture(name string) {
	g.s.t.Helper()
	g.Golden(filepath.Join("testdata/guided", g.lang, name+".txt"))
}

// line types a command in the shell inside, and waits until it has succeeded.
func (g *guided) line(text string) {
	g.s.t.Helper()
	g.lines++
	g.Type(fmt.Sprintf("%s && echo do''ne-%d\r", text, g.lines))
	g.Wait(fmt.Sprintf("done-%d", g.lines))
}

func (g *guided) end() {
	g.s.t.Helper()
	select {
	case err := <-g.ended:
		if err != nil {
			g.s.t.Errorf("jbuild ended with %v:\n%s", err, g.Text())
		}
	case <-time.After(g.Patience):
		g.s.t.Fatalf("jbuild has not ended:\n%s", g.Text())
	}
}

// TestGuided is the whole way of somebody who has never seen a container: from a login to
// a job that finds what was installed. Without subordinate ids in English, with them in
// Japanese.
func TestGuided(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		lang := "en"
		if s.user == lab.ranges {
			lang = "ja"
		}
		c := startCampus(t)
		c.settles(s)
		journey(s, c, lang)
	})
}

func journey(s *session, c *campus, lang string) {
	t := s.t
	g := s.startGuided(lang)
	g.asks("flow.login.user", c.Host)
	g.picture("01-user")
	g.Type(c.user + "\r")
	g.asks("flow.login.password", c.user)
	g.Type("wrong\r")
	g.asks("flow.login.wrong")
	g.picture("02-wrong-password")
	time.Sleep(1600 * time.Millisecond) // so long Harbor refuses the right one, too
	g.Type(c.password + "\r")
	g.asks("flow.what")
	g.picture("03-what")
	g.Press("enter")
	g.asks("flow.base")
	g.picture("04-base")
	g.Type("deb")
	g.picture("05-search")
	g.Press("enter")
	g.asks("flow.base-tag", "shared/debian")
	g.picture("06-version")
	g.Press("enter")
	g.asks("flow.workspace")
	g.picture("07-workspace")
	g.Press("ctrl+u")
	g.Type("solver\r")
	g.Wait("[solver] root:~# ")
	g.picture("08-inside")
	g.line(lab.packages.Use())
	g.line("clear")
	g.line("apt-get install -y jviewer")
	g.line("echo 'set -e' >/opt/notes")
	g.Type("clear; exit\r")
	g.asks("flow.next")
	g.picture("09-changes")
	g.Press("down", "down", "down", "enter")
	g.Wait("apt-get install -y jviewer")
	g.Settle() // the next question is the same one again
	g.Press("enter")
	g.asks("flow.image")
	g.picture("10-image")
	g.Press("enter")
	g.asks("flow.tag")
	g.Press("ctrl+u")
	g.Type("1")
	g.picture("11-tag")
	g.Press("enter")
	g.asks("flow.kind")
	g.picture("12-uploaded")
	g.Press("enter")
	g.asks("flow.script")
	g.picture("13-script")
	g.Press("enter")
	g.asks("flow.what")
	g.picture("14-done")
	g.Press("end", "enter")
	g.asks("flow.bye")
	g.end()
	if strings.Contains(g.History(), c.password) {
		t.Error("the password was shown")
	}

	image := c.Host + "/" + c.user + "/solver:1"
	script, err := os.ReadFile(filepath.Join(s.home, "solver.sh"))
	if err != nil || !strings.Contains(string(script), image) {
		t.Errorf("the job script (%v) does not name %s:\n%s", err, image, script)
	}
	s.runProgram("/bin/bash", "-n", filepath.Join(s.home, "solver.sh")).ok()
	s.runs(image, "jviewer", "jviewer 0.9-7")
}

// TestGuidedRefusals: a project without room, and a version that may not be replaced, are
// told where something can be done about them.
func TestGuidedRefusals(t *testing.T) {
	s := newSession(t, lab.plain)
	c := startCampus(t)
	c.settles(s)
	s.stdin = c.password
	s.run("login", "-u", c.user, "--password-stdin", c.Host).ok()
	s.run("new", "--base", c.Host+"/shared/debian:12", "--name", "w", "--run", "head -c 3000000 /dev/urandom >/opt/data").ok()
	img, err := aptImage()
	if err != nil {
		t.Fatal(err)
	}
	c.Push(c.user+"/w", "final", img)
	c.SetQuota(c.user, 1)

	g := s.startGuided("en")
	g.asks("flow.what")
	g.Press("down", "enter")
	g.asks("flow.which.upload")
	g.Press("enter")
	g.asks("flow.image")
	g.Press("enter")
	g.Wait("no room in the project taro")
	g.picture("20-full")
	c.SetQuota(c.user, -1)
	g.Press("esc")
	g.asks("flow.what")
	g.Press("down", "enter")
	g.asks("flow.which.upload")
	g.Press("enter")
	g.asks("flow.image")
	g.Press("enter")
	g.asks("flow.tag")
	g.Press("ctrl+u")
	g.Type("final\r")
	g.asks("flow.overwrite", "taro/w:final")
	g.Press("down", "enter") // no is proposed
	g.asks("flow.upload.immutable")
	g.picture("21-immutable")
	g.Press("ctrl+u")
	g.Type("2\r")
	g.asks("flow.kind")
	g.Press("end", "enter")
	g.asks("flow.what")
	g.Press("end", "enter")
	g.asks("flow.bye")
	g.end()
	s.run("push", "w", "w:final").fails("w:final") // in words that people understand, without the session, too
}

// TestGuidedPiped: the whole way with answers from a file, on a registry that is no
// Harbor, in both languages.
func TestGuidedPiped(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		lang := "en"
		if s.user == lab.ranges {
			lang = "ja"
		}
		r := startWithLogin(t, "hanako", "himitsu-8")
		r.settles(s)
		s.env = append(s.env, "TERM=dumb", "LANG="+map[string]string{"en": "C.UTF-8", "ja": "ja_JP.UTF-8"}[lang])
		s.stdin = strings.Join([]string{
			"hanako", "himitsu-8", "1", "1", "mine",
			"(" + lab.packages.Use() + " && apt-get install -y jsolver) >/dev/null 2>&1", "exit",
			"4", "1", "hanako/mine", "1", "1", "job.sh", "0",
		}, "\n") + "\n"
		got := s.run().ok()
		golden(t, filepath.Join("testdata/guided", lang, "piped.txt"), masked(got.stdout))
		if strings.Contains(got.stdout+got.stderr, "himitsu-8") {
			t.Error("the password was shown")
		}
		s.runs(r.Host+"/hanako/mine:1", "jsolver", "jsolver 2.0-1")
	})
}

// TestInstall: a package of the distribution's own, from the mirror that the base names,
// or, where that cannot be reached, one of the lab's.
func TestInstall(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		s.run("new", "--base", ref(base), "--name", "w").ok()
		program, says := "hello", "Hello, world!"
		if s.run("run", "w", "--", "apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=0").code == 0 {
			t.Log("hello, from the mirror that the base names")
		} else {
			t.Log("jtool, from the lab's repository: the mirror that the base names cannot be reached")
			program, says = "jtool", "jtool 1.0-1"
			s.run("run", "w", "--", "sh", "-ec", lab.packages.Use()).ok()
		}
		s.run("run", "w", "--", "apt-get", "-q", "install", "-y", program).ok()
		image := ref("install/" + filepath.Base(s.home) + ":1")
		s.run("push", "w", image).ok()
		s.runs(image, program, says)
	})
}

// runs wants jrun to find in an image what was installed. The login is the one that
// jbuild has kept.
func (s *session) runs(image, program, says string) {
	s.t.Helper()
	s.env = append(s.env, "JRUN_STORE="+filepath.Join(s.home, "store"))
	s.runProgram(lab.jrun, image, program).ok().says(says)
}
