package identity

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	person := Person{Name: "hanako", Home: "/home/hanako"}
	about := About{Shell: "/bin/bash", Locales: map[string]string{"ja_JP.UTF-8": "C.UTF-8"}, Fallback: "C.UTF-8"}
	own := []string{"HOME=/home/hanako", "LANG=C.UTF-8", "LOGNAME=hanako", "PATH=" + defaultPath, "PYTHONNOUSERSITE=1", "SHELL=/bin/bash", "USER=hanako"}
	with := func(changes ...string) []string { return Environment{Host: own, Set: changes}.Inside(person, about) }
	tests := []struct {
		name string
		env  Environment
		want []string
	}{
		{"nothing given", Environment{}, own},
		{"the host's variables come along", Environment{Host: []string{"OMP_NUM_THREADS=4", "EMPTY="}}, with("OMP_NUM_THREADS=4", "EMPTY=")},
		{"but not its search paths", Environment{Host: []string{"PATH=/host", "LD_LIBRARY_PATH=/host", "PYTHONPATH=/host", "BASH_FUNC_ml%%=() { x; }"}}, own},
		{"the image wins over the host", Environment{Host: []string{"A=host"}, Image: []string{"A=image", "PATH=/opt/bin"}}, with("A=image", "PATH=/opt/bin")},
		{"the user wins over both", Environment{Host: []string{"A=host"}, Image: []string{"A=image"}, Set: []string{"A=user", "A=last"}}, with("A=last")},
		{"a clean environment", Environment{Host: []string{"A=host", "TERM=xterm"}, Image: []string{"B=image"}, Clean: true}, with("TERM=xterm", "B=image")},
		{"a locale that the image lacks", Environment{Host: []string{"LANG=ja_JP.UTF-8", "LC_ALL=ja_JP.UTF-8"}}, with("LC_ALL=C.UTF-8")},
		{"another user's names do not leak", Environment{Host: []string{"USER=x", "LOGNAME=x", "HOME=/x", "SHELL=/x"}}, own},
		{"malformed entries are dropped", Environment{Host: []string{"novalue", "=x"}}, own},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.env.Inside(person, about)); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExamine(t *testing.T) {
	archive := []byte{0x09, 0x01, 0x02, 0xde}                         // magic
	archive = append(archive, make([]byte, 16)...)                    // serial and the name hash
	archive = append(archive, 36, 0, 0, 0, 22, 0, 0, 0, 22, 0, 0, 0)  // strings: offset, used, size
	archive = append(archive, 0, 0, 0, 0)                             // something between
	archive = append(archive, "ja_JP.utf8\x00de_DE.utf8\x00"[:22]...) // names
	file := &fstest.MapFile{Mode: 0o755}
	tests := []struct {
		name   string
		image  fstest.MapFS
		person Person
		wanted string
		locale string
		shell  string
	}{
		{"empty image", fstest.MapFS{}, Person{Shell: "/bin/zsh"}, "ja_JP.UTF-8", "C", "/bin/sh"},
		{"bash instead of zsh", fstest.MapFS{"bin/bash": file}, Person{Shell: "/bin/zsh"}, "", "C", "/bin/bash"},
		{"own shell", fstest.MapFS{"bin/bash": file, "bin/zsh": file}, Person{Shell: "/bin/zsh"}, "", "C", "/bin/zsh"},
		{"C.UTF-8 is there", fstest.MapFS{"usr/lib/locale/C.utf8/LC_CTYPE": file}, Person{}, "ja_JP.UTF-8", "C.UTF-8", "/bin/sh"},
		{"wanted is there", fstest.MapFS{"usr/lib/locale/ja_JP.utf8/LC_CTYPE": file}, Person{}, "ja_JP.UTF-8", "ja_JP.UTF-8", "/bin/sh"},
		{"wanted is in the archive", fstest.MapFS{"usr/lib/locale/locale-archive": {Data: archive}}, Person{}, "de_DE.UTF-8", "de_DE.UTF-8", "/bin/sh"},
		{"musl takes all", fstest.MapFS{"lib/ld-musl-x86_64.so.1": file}, Person{}, "ja_JP.UTF-8", "ja_JP.UTF-8", "/bin/sh"},
		{"C is always there", fstest.MapFS{}, Person{}, "C", "C", "/bin/sh"},
		{"a path is no locale", fstest.MapFS{"etc/LC_CTYPE": file}, Person{}, "../../../etc", "C", "/bin/sh"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			about := Examine(test.image, test.person, []string{test.wanted})
			if got := about.localeFor(test.wanted); got != test.locale {
				t.Errorf("locale is %q, want %q", got, test.locale)
			}
			if about.Shell != test.shell {
				t.Errorf("shell is %q, want %q", about.Shell, test.shell)
			}
		})
	}
}

// TestProfile: a login shell finds what the image's PATH names, once.
func TestProfile(t *testing.T) {
	const path = "/opt/it's/bin:/usr/bin"
	file := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(file, Profile(path), 0o600); err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]string{"/usr/local/bin:/bin": path + ":/usr/local/bin:/bin", path: path} {
		cmd := exec.Command("/bin/sh", "-c", `. "$0"; echo "$PATH"`, file)
		cmd.Env = []string{"PATH=" + set}
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != want+"\n" {
			t.Errorf("with %s: %v, %q", set, err, out)
		}
	}
}
