//go:build e2e

package builder

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWorkspace goes through a workspace's life by commands: made, changed, left,
// entered again, looked at, saved, tried as jrun will run it, removed.
func TestWorkspace(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		s.run("list").ok().says("no workspaces")
		s.run("new", "--base", ref(base), "--name", "cfd").ok().says("cfd")
		s.run("run", "cfd", "--", "sh", "-ec", lab.packages.Use()+"; apt-get -q install -y jviewer jaccount; touch /tmp/x /root/.bash_history; rm /etc/issue").ok()
		s.run("run", "cfd", "--", "jviewer").ok().says("jviewer 0.9-7")
		s.run("run", "cfd", "sh", "-c", "exit 7").status(7)
		s.run("run", "cfd", "sh", "-c", "kill -9 $$").status(137)
		s.run("run", "cfd", "no-such-program").status(127)

		diff := s.run("diff", "--files", "cfd").ok().stdout
		for _, want := range []string{"A /usr/bin/jviewer\n", "D /etc/issue\n", "A /usr/bin/jlib\n"} {
			if !strings.Contains(diff, want) {
				t.Errorf("diff lacks %q", want)
			}
		}
		for _, bad := range []string{"/tmp/x", ".bash_history", "/var/lib/apt/lists/", "/dev/"} {
			if strings.Contains(diff, bad) {
				t.Errorf("diff has %q", bad)
			}
		}

		s.run("save", "cfd", "mine:1").ok()
		s.run("new", "--base", "mine:1", "--name", "second").ok()
		s.run("run", "second", "--", "sh", "-c", "jtool; ls -A /tmp /root; test ! -e /etc/issue").ok().says("jtool 1.0-1")
		s.run("save", "--squash", "cfd", "flat:1").ok()
		s.run("new", "--base", "flat:1", "--name", "third").ok()
		s.run("run", "third", "--", "sh", "-c", "jtool; test ! -e /etc/issue; ls -A /var/lib/apt/lists").ok().says("jtool 1.0-1")

		r := s.run("test", "cfd", "--", "sh", "-c", "jviewer; id -un; touch /usr/x; exit 3").status(3)
		r.says("jviewer 0.9-7", s.user.Name, "Read-only file system")

		var listed []struct{ Name, Base string }
		if err := json.Unmarshal([]byte(s.run("list", "--json").ok().stdout), &listed); err != nil || len(listed) != 3 {
			t.Errorf("the list is %v (%v)", listed, err)
		}
		s.run("rename", "third", "fourth").ok()
		s.run("rm", "second", "fourth").ok()
		s.run("rm", "second").fails("second")
		s.run("list").ok().says("cfd", ref(base))
	})
}

// TestOwners: programs that change owners, become others and make devices work, with
// one id and with many.
func TestOwners(t *testing.T) {
	eachUser(t, func(_ *testing.T, s *session) {
		s.run("new", "--base", ref(base), "--name", "w").ok()
		s.run("run", "w", "--", "sh", "-ec", `
			echo a > /opt/a; chown 33:33 /opt/a; chmod 4750 /opt/a; ls -ln /opt/a
			mkfifo /opt/f; ln -s a /opt/l; ln /opt/a /opt/h
			su -s /bin/sh www-data -c 'id -u' || su -s /bin/sh nobody -c 'id -u'`).ok()
		s.run("save", "w", "w:1").ok()
		s.run("new", "--base", "w:1", "--name", "v").ok()
		s.run("run", "v", "--", "sh", "-ec", "test -u /opt/a; test -p /opt/f; test /opt/a -ef /opt/h; test /opt/l -ef /opt/a").ok()
	})
}

// TestMove: an exported workspace is the same elsewhere, and podman's tools can read the
// file.
func TestMove(t *testing.T) {
	eachUser(t, func(t *testing.T, s *session) {
		s.run("new", "--base", ref(base), "--name", "w").ok()
		s.run("run", "w", "--", "sh", "-ec", "mkdir /opt/d; echo x >/opt/d/x; rm -rf /usr/share/perl5; mkdir /usr/share/perl5; rm /etc/issue").ok()
		before := s.run("diff", "--files", "w").ok().stdout
		file := filepath.Join(s.home, "w.tar")
		s.run("export", "w", file).ok().says("jbuild import " + file)
		s.run("export", "w", file).fails("exists")

		other := newSession(t, s.user)
		if err := os.Chmod(s.home, 0o755); err != nil {
			t.Fatal(err)
		}
		other.run("import", file).ok().says("from " + ref(base))
		other.run("import", file).fails("w already")
		if after := other.run("diff", "--files", "w").ok().stdout; after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
		other.run("run", "w", "--", "cat", "/opt/d/x").ok().says("x")
		other.run("import", "--name", "v", filepath.Join(s.home, ".local")).fails()
		s.runProgram("skopeo", "inspect", "--config", "oci-archive:"+file+":w").ok().says("jbuild export")
	})
}

// TestCopy: files go in and come out, and links of an image lead nowhere else.
func TestCopy(t *testing.T) {
	s := newSession(t, lab.plain)
	s.run("new", "--base", ref(base), "--name", "w").ok()
	for name, text := range map[string]string{"in/a": "1", "in/sub/b": "2", "c": "3"} {
		path := filepath.Join(s.home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.run("cp", "in", "c", "w:/opt/").ok()
	s.run("run", "w", "--", "cat", "/opt/in/a", "/opt/in/sub/b", "/opt/c").ok().says("123")
	s.run("run", "w", "--", "ln", "-s", s.home, "/opt/out").ok()
	s.run("cp", "c", "w:/opt/out/escaped").ok()
	if _, err := os.Stat(filepath.Join(s.home, "escaped")); err == nil {
		t.Error("a link in the image led out of it")
	}
	s.run("cp", "w:/opt/in", "back").ok()
	if b, err := os.ReadFile(filepath.Join(s.home, "back/sub/b")); err != nil || string(b) != "2" {
		t.Errorf("what came back is %q (%v)", b, err)
	}
	s.run("cp", "w:/nowhere", "x").status(125).says("/nowhere")
	s.run("cp", "c", "w:opt").fails("w:/opt")
}

// TestMistakes: bad input gets a clear answer, in both languages.
func TestMistakes(t *testing.T) {
	s := newSession(t, lab.plain)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"nev"}, "did you mean 'jbuild new'"},
		{[]string{"shell", "nothing"}, "jbuild list"},
		{[]string{"new", "--base", ref(base), "--name", "Ünsinn"}, "small letters"},
		{[]string{"new", "--base", ref("base/nothing:1")}, "nothing:1"},
		{[]string{"new", "--base", "localhost:1/a/b:1", "--name", "x"}, "network"},
		{[]string{"--lang", "fr", "list"}, "--lang ja"},
		{[]string{"list", "extra"}, "jbuild list --help"},
		{[]string{"list", "--nonsense"}, "jbuild list --help"},
		{[]string{"save", "nothing", "x:1"}, "jbuild list"},
	} {
		s.run(c.args...).fails(c.says)
	}
	s.run("--lang", "ja", "shell", "nothing").status(125).says("ワークスペースはありません", "次に:")
}
