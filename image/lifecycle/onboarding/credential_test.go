package onboarding

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var nodes = Credential{Host: "harbor.example", Projects: []string{"u001", "tools"}, User: "robot$nodes-u001", Password: "s3cret"}

// nodesAuth is "robot$nodes-u001:s3cret" in base64.
const nodesAuth = "cm9ib3Qkbm9kZXMtdTAwMTpzM2NyZXQ="

func TestMerge(t *testing.T) {
	for name, tt := range map[string]struct{ old, want string }{
		"nothing": {"", `{"auths":{"harbor.example/tools":{"auth":"` + nodesAuth + `"},"harbor.example/u001":{"auth":"` + nodesAuth + `"}}}`},
		"null":    {"null", `{"auths":{"harbor.example/tools":{"auth":"` + nodesAuth + `"},"harbor.example/u001":{"auth":"` + nodesAuth + `"}}}`},
		"others": {`{"credHelpers":{"ghcr.io":"x"},"auths":{"harbor.example":{"auth":"b3du","email":"a"},"harbor.example/tools":{"auth":"b2xk"}},"unknown":[1.50]}`,
			`{"auths":{"harbor.example":{"auth":"b3du","email":"a"},"harbor.example/tools":{"auth":"` + nodesAuth + `"},"harbor.example/u001":{"auth":"` + nodesAuth + `"}},"credHelpers":{"ghcr.io":"x"},"unknown":[1.50]}`},
		"a list":    {`[]`, ""},
		"no JSON":   {`{`, ""},
		"bad auths": {`{"auths":[]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := merge([]byte(tt.old), nodes)
			if tt.want == "" {
				if !errors.Is(err, errNoAuthFile) {
					t.Errorf("got %s, %v", got, err)
				}
				return
			}
			compact := strings.NewReplacer("\n", "", "\t", "", ": ", ":").Replace(string(got))
			if diff := cmp.Diff(tt.want, compact); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	if s := nodes.String() + nodes.GoString(); strings.Contains(s, nodes.Password) {
		t.Errorf("it tells the password: %s", s)
	}
}

func FuzzMerge(f *testing.F) {
	for _, old := range []string{"", "null", "{}", `{"auths":null}`, `{"auths":{"a":{"auth":"b"}},"x":1}`, `{"auths":{"a":null}}`} {
		f.Add([]byte(old))
	}
	f.Fuzz(func(t *testing.T, old []byte) {
		once, err := merge(old, nodes)
		if err != nil {
			return
		}
		twice, err := merge(once, nodes)
		if err != nil || string(once) != string(twice) {
			t.Errorf("twice it is %s, %v, and once %s", twice, err, once)
		}
	})
}

func TestFileSink(t *testing.T) {
	dir := t.TempDir()
	keep := func(path string) error {
		t.Helper()
		return FileSink{filepath.Join(dir, path)}.Keep(t.Context(), nodes)
	}
	if err := keep("new/sub/auth.json"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "new/sub/auth.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if info, err = os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info, err)
	}
	if err := (FileSink{filepath.Join(dir, "later", "auth.json")}).Ready(); err != nil {
		t.Errorf("a file to be is not ready: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "later")); err != nil || len(entries) > 0 {
		t.Errorf("being ready has made %v, %v", entries, err)
	}
	// An open file becomes closed, and is one file.
	write(t, filepath.Join(dir, "open.json"), `{"auths":{}}`, 0o644)
	if err := keep("open.json"); err != nil {
		t.Fatal(err)
	}
	if info, err = os.Stat(filepath.Join(dir, "open.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	// A link of one's own is followed in the path, but the file is no link.
	link(t, "new", filepath.Join(dir, "own"))
	if err := keep("own/sub/../auth.json"); err != nil {
		t.Errorf("through a link of one's own: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new/auth.json")); err != nil {
		t.Error(err)
	}
	link(t, "open.json", filepath.Join(dir, "link.json"))
	link(t, "loop", filepath.Join(dir, "loop"))
	write(t, filepath.Join(dir, "text.json"), "no logins", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "dir.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"link.json", "loop/auth.json", "text.json", "dir.json", "open.json/auth.json"} {
		if err := (FileSink{filepath.Join(dir, path)}).Ready(); err == nil {
			t.Errorf("%s is ready", path)
		}
		if err := keep(path); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "text.json")); err != nil || string(b) != "no logins" {
		t.Errorf("a file of something else is now %s, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", ".auth-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestOthersLinks: a link of somebody else leads nowhere, and in a directory of theirs
// only root writes, for them.
func TestOthersLinks(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make files of others")
	}
	const other = 12345
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	if err := errors.Join(os.Mkdir(home, 0o755), os.Chown(home, other, other), os.Mkdir(filepath.Join(dir, "target"), 0o700)); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(dir, "target"), filepath.Join(home, "evil"))
	if err := os.Lchown(filepath.Join(home, "evil"), other, other); err != nil {
		t.Fatal(err)
	}
	err := FileSink{filepath.Join(home, "evil", "auth.json")}.Keep(t.Context(), nodes)
	if !errors.Is(err, errLink) {
		t.Errorf("through somebody's link: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "target")); err != nil || len(entries) > 0 {
		t.Errorf("it wrote %v, %v", entries, err)
	}
	theirs := filepath.Join(home, ".config", "containers", "auth.json")
	write(t, filepath.Join(dir, "login.json"), `{"auths":{"harbor.example/u001":{"auth":"eDp5"}}}`, 0o600)
	for range 2 {
		logins, err := MergeLogins(filepath.Join(dir, "login.json"), theirs)
		if diff := cmp.Diff([]string{"harbor.example/u001"}, logins); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	}
	for path, want := range map[string]string{theirs: "12345 600", filepath.Dir(theirs): "12345 700", filepath.Join(home, ".config"): "12345 700"} {
		owner, err := exec.CommandContext(t.Context(), "stat", "-c", "%u %a", path).Output()
		if err != nil || strings.TrimSpace(string(owner)) != want {
			t.Errorf("%s is of %s, %v", path, owner, err)
		}
	}
	if _, err := os.Stat(filepath.Join(home, "none", "auth.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func TestMergeLogins(t *testing.T) {
	dir := t.TempDir()
	from, into := filepath.Join(dir, "from.json"), filepath.Join(dir, "into.json")
	for name, text := range map[string]string{"none": `{"auths":{}}`, "text": "x", "nothing": ""} {
		write(t, from, text, 0o600)
		if _, err := MergeLogins(from, into); err == nil {
			t.Errorf("%s was merged", name)
		}
	}
	if _, err := MergeLogins(filepath.Join(dir, "no file"), into); err == nil {
		t.Error("a missing file was merged")
	}
	write(t, from, `{"auths":{"b":{"auth":"bmV3"},"c":{"auth":"Yw=="}}}`, 0o600)
	write(t, into, `{"auths":{"a":{"auth":"YQ=="},"b":{"auth":"b2xk"}},"x":1}`, 0o600)
	if logins, err := MergeLogins(from, into); err != nil || strings.Join(logins, " ") != "b c" {
		t.Errorf("merged %v, %v", logins, err)
	}
	got, err := os.ReadFile(into)
	compact := strings.NewReplacer("\n", "", "\t", "", ": ", ":").Replace(string(got))
	if want := `{"auths":{"a":{"auth":"YQ=="},"b":{"auth":"bmV3"},"c":{"auth":"Yw=="}},"x":1}`; compact != want || err != nil {
		t.Errorf("it is %s, %v", compact, err)
	}
}
