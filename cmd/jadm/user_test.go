package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

var updateUser = flag.Bool("update-user", false, "write the golden files of jadm user")

// peopleSite is a Harbor, a CSV file and a jadm.toml.
type peopleSite struct {
	*testing.T
	fake *fakeharbor.Server
	dir  string
}

func newPeopleSite(t *testing.T) *peopleSite {
	t.Helper()
	s := &peopleSite{T: t, fake: fakeharbor.New(fakeharbor.Options{}), dir: t.TempDir()}
	t.Cleanup(s.fake.Close)
	s.fake.AddProject(fakeharbor.Project{Name: "tools"})
	s.write("people.csv", `id,name,mail,language,expires,disabled
20260001,山田 花子,hanako@example.ac.jp,ja,,
20260002,Ben Suzuki,ben@example.ac.jp,en,,
gone,Carol,carol@example.ac.jp,,2020-03-31,
`)
	s.write("password", fakeharbor.AdminPassword+"\n")
	s.write("jadm.toml", fmt.Sprintf(`
state = "state"
[harbor]
url = %q
user = %q
password_file = "password"
[people]
csv = "people.csv"
[onboarding]
shared = ["tools"]
quota = "50G"
[mail]
directory = "letters"
`, s.fake.URL, fakeharbor.AdminUser))
	for _, id := range []string{"20260001", "20260002", "gone"} {
		s.fake.AddUser(fakeharbor.User{Name: id, Password: "x", Email: id + "@example.ac.jp"})
	}
	t.Chdir(s.dir) // state is relative to it
	return s
}

func (s *peopleSite) write(name, content string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
}

// jadm runs a command; what it says is on out, or said about an error.
func (s *peopleSite) jadm(args ...string) (out, said string) {
	s.Helper()
	var stdout, stderr bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"--config", filepath.Join(s.dir, "jadm.toml")}, args...))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err := root.ExecuteContext(s.Context())
	if err != nil && !errors.Is(err, errReported) {
		stderr.WriteString(fault.Format("jadm", err))
	}
	return stdout.String(), stderr.String()
}

var dates = regexp.MustCompile(`20[2-9][0-9]-[0-9][0-9]-[0-9][0-9]( [0-9:]{8})?`)

// TestUser is a day of an administrator, as it is seen on a terminal.
func TestUser(t *testing.T) {
	s := newPeopleSite(t)
	var session strings.Builder
	run := func(args ...string) {
		t.Helper()
		out, said := s.jadm(args...)
		fmt.Fprintf(&session, "$ jadm %s\n%s%s\n", strings.Join(args, " "), out, said)
	}
	run("user", "add", "-n", "20260001")
	run("user", "add", "20260001")
	run("user", "add", "20260001", "gone", "nobody")
	s.fake.Push("20260001/app", "1", empty.Image)
	run("user", "show", "20260001")
	run("user", "show", "gone")
	run("user", "show", "20260002", "--everywhere")
	run("user", "list")
	run("user", "list", "--ended")
	s.fake.AddMember("tools", "20260002", fakeharbor.Guest)
	run("user", "add", "--new")
	run("user", "add", "--new")
	run("user", "add", "20260002", "--new-credential", "--credential-out", "out/{id}.json")
	run("user", "place", "out/20260002.json", "home/auth.json")
	run("mail", "test", "-n", "--language", "ja", "x@example.jp")
	run("mail", "test", "not an address")
	got := strings.NewReplacer(s.fake.Host, "HARBOR", s.dir, "DIR").Replace(dates.ReplaceAllString(session.String(), "DATE"))
	file := filepath.Join("testdata", "user.txt")
	t.Chdir(home)
	if *updateUser {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// home is where the test began.
var home, _ = os.Getwd()

// TestUserForPrograms is about --json, and about a login on standard output.
func TestUserForPrograms(t *testing.T) {
	s := newPeopleSite(t)
	out, said := s.jadm("--json", "user", "add", "20260001", "nobody")
	var added []struct {
		ID, Project, Error string
		Steps              []struct{ Action string }
	}
	if err := json.Unmarshal([]byte(out), &added); err != nil || len(added) != 2 || added[0].Project != "20260001" || len(added[0].Steps) != 6 || added[1].Error == "" {
		t.Errorf("it says %s %v", out, err)
	}
	if !strings.Contains(said, "nobody called") {
		t.Errorf("and %s", said)
	}
	out, said = s.jadm("user", "add", "20260002", "--credential-out", "-")
	var file struct{ Auths map[string]any }
	if err := json.Unmarshal([]byte(out), &file); err != nil || len(file.Auths) != 2 || !strings.Contains(said, "make the project 20260002") {
		t.Errorf("the login is %s %v; it says %s", out, err, said)
	}
	for _, args := range [][]string{{"user", "list"}, {"user", "show", "20260001"}, {"user", "show", "20260002", "--everywhere"}, {"mail", "test", "a@example.jp"}} {
		out, said := s.jadm(append([]string{"--json"}, args...)...)
		if !json.Valid([]byte(out)) || said != "" {
			t.Errorf("%v says %s %s", args, out, said)
		}
	}
}

func TestUserMistakes(t *testing.T) {
	s := newPeopleSite(t)
	for _, args := range [][]string{
		{"user", "add"}, {"user", "add", "a", "b", "--credential-out", "file"}, {"user", "add", "--new", "a"}, {"user", "add", "--new", "--credential-out", "-"},
		{"user", "add", "a", "--json", "--credential-out", "-"}, {"user", "show"}, {"user", "show", "nobody"}, {"user", "list", "x"}, {"user", "place", "x"}, {"user", "place", "none", "x"},
		{"mail", "test"}, {"mail", "test", "a@example.jp", "--language", "de"},
	} {
		out, said := s.jadm(args...)
		if out != "" || !strings.Contains(said, "next: ") {
			t.Errorf("%v says %s %s", args, out, said)
		}
	}
}
