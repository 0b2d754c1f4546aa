//go:build e2e

package builder

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/integration/debrepo"
)

// scripted is a session that somebody might have had: steps, and how they are taken.
type scripted struct {
	typed bool // into jbuild shell; or each given to jbuild run
	steps []scriptedStep
}

// scriptedStep is one of: a text that is typed, a file that is brought in by jbuild cp.
type scriptedStep struct {
	text     string
	copiesTo string
	content  string
}

// writer makes up sessions; what it has made up before decides what makes sense.
type writer struct {
	chance *rand.Rand
	n      int
}

// invent makes up a session: the lab's repository first, as everything is installed from
// there, and a package at least.
func invent(chance *rand.Rand) scripted {
	w := writer{chance: chance}
	s := scripted{typed: chance.IntN(3) > 0, steps: []scriptedStep{{text: lab.packages.Use()}}}
	phrases := []func() []scriptedStep{
		w.install, w.install, w.install, w.remove, w.file, w.file, w.appended, w.edited, w.elsewhere, w.exported, w.failing, w.noise, w.noise, w.copied, w.function, w.loop, w.interrupted,
	}
	s.steps = append(s.steps, w.install()...)
	for range 3 + chance.IntN(6) {
		s.steps = append(s.steps, phrases[chance.IntN(len(phrases))]()...)
	}
	if !s.typed {
		// Each command is a shell of its own, and no terminal.
		s.steps = slices.DeleteFunc(s.steps, func(step scriptedStep) bool { return strings.ContainsAny(step.text, "\x03") })
	}
	return s
}

func (w *writer) one(of ...string) string { return of[w.chance.IntN(len(of))] }

func (w *writer) number() int {
	w.n++
	return w.n
}

func text(lines ...string) []scriptedStep {
	steps := make([]scriptedStep, len(lines))
	for i, line := range lines {
		steps[i].text = line
	}
	return steps
}

func (w *writer) install() []scriptedStep {
	p := w.one(debrepo.Names()...)
	return text(w.one(
		"apt-get install -y "+p, "apt-get -q install -y --no-install-recommends "+p+" jdata", "DEBIAN_FRONTEND=noninteractive apt-get install -y "+p,
		"apt install -y "+p+" >/tmp/log 2>&1", "sudo apt-get install -y "+p, "apt-get install -y "+p+" && "+p, "cd /tmp && apt-get download "+p+" && dpkg -i --force-depends ./"+p+"_*.deb; apt-get install -y -f; cd",
	))
}

func (w *writer) remove() []scriptedStep {
	return text("apt-get install -y jdata", w.one("apt-get remove -y jdata", "apt-get purge -y jdata", "dpkg -r jdata"))
}

func (w *writer) file() []scriptedStep {
	n := w.number()
	return text(w.one(
		fmt.Sprintf("cat >/opt/f%d <<EOF\nfirst line\n  second 'line' $HOME\nEOF", n),
		fmt.Sprintf("cat >/opt/f%d <<'EOF'\n#!/bin/sh\necho \"$1\" \\\n  two\nEOF\nchmod +x /opt/f%d", n, n),
		fmt.Sprintf("mkdir -p /opt/d%d/a/b; printf '%%s\\n' one two >/opt/d%d/a/b/f", n, n),
		fmt.Sprintf("echo 'a b' | tee /opt/f%d", n), fmt.Sprintf("seq 1 20 >/opt/f%d; ln -s f%d /opt/l%d", n, n, n),
	))
}

func (w *writer) appended() []scriptedStep {
	return text(fmt.Sprintf("echo 'alias x%d=ls' >>/etc/bash.bashrc", w.number()))
}

// edited is a file after an editor; ed and sed are editors that a script can use.
func (w *writer) edited() []scriptedStep {
	n := w.number()
	return text(fmt.Sprintf("printf 'x\\ny\\n' >/etc/e%d.conf", n), w.one(
		fmt.Sprintf("sed -i 's/x/z/' /etc/e%d.conf", n), fmt.Sprintf("perl -pi -e 's/y/w/' /etc/e%d.conf", n),
		fmt.Sprintf("sed 's/y/q/' /etc/e%d.conf >/tmp/e && mv /tmp/e /etc/e%d.conf", n, n),
	))
}

func (w *writer) elsewhere() []scriptedStep {
	n := w.number()
	return text(fmt.Sprintf("mkdir -p /srv/s%d && cd /srv/s%d", n, n), "echo here >file", w.one("cd -", "cd", "cd /usr/share", "pwd"), "touch /opt/mark"+fmt.Sprint(n))
}

func (w *writer) exported() []scriptedStep {
	n := w.number()
	return text(fmt.Sprintf("export WHERE%d=/opt/w%d", n, n), fmt.Sprintf(`mkdir -p "${WHERE%d:-/opt/none}" && echo "$WHERE%d" >/opt/where%d`, n, n, n))
}

func (w *writer) failing() []scriptedStep {
	return text(w.one("apt-get install -y no-such-package", "false", "cat /no/such/file", "no-such-command --help", "test -e /nowhere && touch /opt/never", "apt-get instal jtool", "cd /no/such/dir"))
}

func (w *writer) noise() []scriptedStep {
	return text(w.one("ls -la /opt", "pwd", "whoami", "apt-cache search jtool | head", "cat /etc/os-release", "df -h / | tail -1", "history | tail -2", "# a thought", "dpkg -l | grep jtool", "which sh", "env | sort | head -3", "date"))
}

func (w *writer) copied() []scriptedStep {
	n := w.number()
	return []scriptedStep{{copiesTo: fmt.Sprintf("/opt/copied%d", n), content: fmt.Sprintf("content %d\n", n)}}
}

func (w *writer) function() []scriptedStep {
	n := w.number()
	return text(fmt.Sprintf("put%d() { echo \"$1\" >>/opt/put%d; }", n, n), fmt.Sprintf("put%d one; put%d two", n, n))
}

func (w *writer) loop() []scriptedStep {
	return text(fmt.Sprintf("for p in jlib jdata\ndo\n  apt-get install -y \"$p\" && echo \"$p\" >>/opt/installed%d\ndone", w.number()))
}

// interrupted: what was typed is given up with Ctrl-C.
func (w *writer) interrupted() []scriptedStep {
	return text("apt-get install -y jtool no-such\x03")
}

// hold plays a session in a workspace.
func (s *session) hold(name string, script scripted) {
	s.t.Helper()
	for rest := script.steps; len(rest) > 0; {
		copied := slices.IndexFunc(rest, func(step scriptedStep) bool { return step.copiesTo != "" })
		if copied < 0 {
			copied = len(rest)
		}
		if copied > 0 {
			s.takes(name, script.typed, rest[:copied])
		}
		if copied < len(rest) {
			file := filepath.Join(s.home, "copied")
			if err := os.WriteFile(file, []byte(rest[copied].content), 0o644); err != nil {
				s.t.Fatal(err)
			}
			s.run("cp", file, name+":"+rest[copied].copiesTo).ok()
			copied++
		}
		rest = rest[copied:]
	}
}

func (s *session) takes(name string, typed bool, steps []scriptedStep) {
	s.t.Helper()
	if !typed {
		for _, step := range steps {
			s.run("run", name, "--", "bash", "-c", step.text)
		}
		return
	}
	shell := s.startShell(name)
	for _, step := range steps {
		shell.types(step.text)
	}
	shell.exits()
}
