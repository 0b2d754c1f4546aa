package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/desired"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// jadm runs a command as main does, with what it says and its status.
func jadm(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	var b bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&b)
	root.SetErr(&b)
	root.SetIn(strings.NewReader(""))
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return b.String(), 0
	}
	if !errors.Is(err, errReported) {
		b.WriteString(fault.Format("jadm", err))
	}
	return b.String(), exitCode(err)
}

// newSite is a site with a fake Harbor, and the file that desired.toml is.
func newDesiredSite(t *testing.T) (fake *fakeharbor.Server, desiredFile string) {
	t.Helper()
	fake = fakeharbor.New(fakeharbor.Options{})
	t.Cleanup(fake.Close)
	dir := t.TempDir()
	config := strings.NewReplacer("https://harbor.example.ac.jp", fake.URL, `"/var/lib/jadm"`, `"state"`).Replace(string(exampleSettings))
	for name, content := range map[string]string{"jadm.toml": config, "harbor.password": fakeharbor.AdminPassword + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("JADM_CONFIG", filepath.Join(dir, "jadm.toml"))
	return fake, filepath.Join(dir, "desired.toml")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if out, status := jadm(t, "init", "--dry-run", dir); status != 0 || !strings.Contains(out, "would write "+dir) {
		t.Errorf("%d: %s", status, out)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run has written")
	}
	if out, status := jadm(t, "init", dir); status != 0 || !strings.Contains(out, "--config "+dir) {
		t.Errorf("%d: %s", status, out)
	}
	if _, err := settings.Load(filepath.Join(dir, "jadm.toml")); err != nil {
		t.Error(err)
	}
	if secret, err := settings.ReadSecret(filepath.Join(dir, "webhook.secret")); err != nil || len(secret) < 40 {
		t.Errorf("the secret of webhooks is %q, %v", secret, err)
	}
	if _, err := desired.Load(filepath.Join(dir, "desired.toml")); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "desired.toml"), "mine")
	if err := os.Remove(filepath.Join(dir, "jadm.toml")); err != nil {
		t.Fatal(err)
	}
	out, status := jadm(t, "init", dir)
	mine, err := os.ReadFile(filepath.Join(dir, "desired.toml"))
	if _, written := os.Stat(filepath.Join(dir, "jadm.toml")); status != 1 || !strings.Contains(out, "stays as it is") || string(mine) != "mine" || err != nil || written == nil {
		t.Errorf("over a file that is there, %d: %s", status, out)
	}
}

// TestInitForASite: what is known of the site is in the file, and the store is for all.
func TestInitForASite(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "store")
	if out, status := jadm(t, "init", "--harbor", "https://harbor.univ.ac.jp/", "--store", root, filepath.Join(dir, "etc")); status != 0 {
		t.Fatal(out)
	}
	s, err := settings.Load(filepath.Join(dir, "etc", "jadm.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Harbor.Host() != "harbor.univ.ac.jp" || s.Store.Path != root || s.Serve.WebhookSecretFile != filepath.Join(dir, "etc", "webhook.secret") {
		t.Errorf("it says %+v, %+v, %+v", s.Harbor, s.Store, s.Serve)
	}
	if info, err := os.Stat(root); err != nil || info.Mode()&0o777 != 0o777 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("the store: %v, %v", info, err)
	}
	for name, args := range map[string][]string{
		"a relative store": {"--store", "store"}, "no address": {"--harbor", "harbor.univ.ac.jp"}, "nobody": {"--account", "nobody-is-called-so"}, "root": {"--account", "root"},
	} {
		if out, status := jadm(t, append([]string{"init", filepath.Join(dir, "other")}, args...)...); status != 1 || !strings.Contains(out, "next:") {
			t.Errorf("%s, %d: %s", name, status, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err == nil {
		t.Error("after a mistake there are files")
	}
}

// TestExampleIsWhole: what is commented out in the example can be used, too.
func TestExampleIsWhole(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	for line := range strings.Lines(string(exampleDesired)) {
		if bare, ok := strings.CutPrefix(line, "# "); ok && (strings.HasPrefix(bare, "[") || strings.Contains(bare, " = ")) {
			line = bare
		}
		text.WriteString(line)
	}
	write(t, filepath.Join(dir, "webhook.secret"), "key")
	write(t, filepath.Join(dir, "desired.toml"), text.String())
	f, err := desired.Load(filepath.Join(dir, "desired.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if f.People == nil || f.Labs["lab-suzuki"] == nil || f.Webhooks["jadm"] == nil || f.Retention == nil || f.Persons["u001"] == nil {
		t.Errorf("the example has %+v", f)
	}
}

func TestPlanAndApply(t *testing.T) {
	fake, file := newDesiredSite(t)
	fake.AddUser(fakeharbor.User{Name: "u001", Password: "x"})
	fake.AddProject(fakeharbor.Project{Name: "theirs"})
	write(t, file, "[lab.a]\ndevelopers = [\"u001\"]\nrobot.ci = {}\n[lab.b]\n[lab.theirs]\n")
	changed := func() bool {
		t.Helper()
		for _, r := range fake.TakeRequests() {
			if r.Method != http.MethodGet && r.Path != "/c/login" {
				return true
			}
		}
		return false
	}
	for _, args := range [][]string{{"plan"}, {"apply", "--dry-run"}, {"apply", "-n", "--prune"}} {
		out, status := jadm(t, args...)
		if status != 0 || !strings.Contains(out, "+ member u001 of a: developer\n") || !strings.Contains(out, "  = project theirs (it was there before)\n") || changed() {
			t.Errorf("%v is %d: %s", args, status, out)
		}
	}
	if _, status := jadm(t, "plan", "--exit-code"); status != exitDifferent {
		t.Errorf("with changes the status is %d", status)
	}
	out, status := jadm(t, "apply", "--json")
	var did struct {
		Changes []struct{ Kind, Subject, After, Outcome string }
		Held    []struct{ Needs string }
	}
	if err := json.Unmarshal([]byte(out), &did); err != nil || status != 0 || len(did.Changes) != 4 || did.Changes[0].Outcome != "done" || did.Changes[0].Kind != "project.create" || len(did.Held) != 1 {
		t.Errorf("%d, %v: %s", status, err, out)
	}
	if out, status := jadm(t, "plan", "--exit-code"); status != 0 || !strings.Contains(out, "Nothing to do. 1 held back.") {
		t.Errorf("afterwards %d: %s", status, out)
	}
	login := filepath.Join(filepath.Dir(file), "state", "credentials", "a+ci.json")
	if info, err := os.Stat(login); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the robot's login: %v", err)
	}

	write(t, file, "[lab.a]\n")
	changed()
	if out, status := jadm(t, "apply", "--prune"); status != 1 || !strings.Contains(out, "nobody can be asked") || changed() {
		t.Errorf("without a terminal %d: %s", status, out)
	}
	if out, status := jadm(t, "apply", "--yes"); status != 1 || changed() {
		t.Errorf("--yes alone is %d: %s", status, out)
	}
	if out, status := jadm(t, "apply"); status != 0 || !strings.Contains(out, "- member u001 of a: developer\n") || !strings.Contains(out, "  - project b: empty") || !strings.Contains(out, "2 done, 0 failed.") {
		t.Errorf("%d: %s", status, out)
	}
	if out, status := jadm(t, "apply", "--prune", "--yes"); status != 0 || !strings.Contains(out, "- project b") || strings.Contains(out, "theirs") {
		t.Errorf("%d: %s", status, out)
	}
}

// TestApplyFails: each failure is told with what to do, and others are done.
func TestApplyFails(t *testing.T) {
	fake, file := newDesiredSite(t)
	fake.AddUser(fakeharbor.User{Name: "u001", Password: "x"})
	dir := filepath.Dir(file)
	write(t, filepath.Join(dir, "people.csv"), "id,name\nu001,Hanako\nlost,Taro\n")
	config, err := os.ReadFile(filepath.Join(dir, "jadm.toml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "jadm.toml"), string(config)+"\n[people]\ncsv = \"people.csv\"\n")
	write(t, file, "[people]\n")
	out, status := jadm(t, "apply")
	for _, want := range []string{
		"+ member u001 of u001: project admin\n", "+ member lost of lost: project admin  FAILED\n", "3 done, 1 failed.\n",
		"jadm: member lost of lost: Harbor finds nobody called lost in its directory\n", "  next: see that Harbor's LDAP filter",
	} {
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("%d, without %q: %s", status, want, out)
		}
	}
	if out, status := jadm(t, "plan", "--person", "u001"); status != 0 || !strings.Contains(out, "Nothing to do: ") {
		t.Errorf("of one person %d: %s", status, out)
	}
	if out, status := jadm(t, "plan", "--person", "nobody"); status != 1 || !strings.Contains(out, "cannot look up nobody") {
		t.Errorf("of nobody %d: %s", status, out)
	}
}

// TestSameRemovals: nothing is taken away but what somebody has agreed to.
func TestSameRemovals(t *testing.T) {
	plan := func(subjects ...string) desired.Plan {
		var p desired.Plan
		for _, s := range subjects {
			p.Changes = append(p.Changes, desired.Change{Subject: s, Before: "guest", Needs: desired.NeedsPrune})
		}
		p.Changes = append(p.Changes, desired.Change{Subject: fmt.Sprint("new ", len(subjects)), After: "guest"})
		return p
	}
	if err := sameRemovals(plan("a", "b"), plan("a", "b")); err != nil {
		t.Error(err)
	}
	for _, now := range []desired.Plan{plan("a"), plan("a", "c"), plan("a", "b", "c")} {
		if err := sameRemovals(plan("a", "b"), now); err == nil {
			t.Errorf("%+v is taken for the same", now)
		}
	}
}

func TestAskNumber(t *testing.T) {
	for typed, right := range map[string]bool{"3\n": true, " 3 \n": true, "3": true, "y\n": false, "\n": false, "": false, "33\n": false, "yes 3\n": false} {
		var out bytes.Buffer
		if err := askNumber(strings.NewReader(typed), &out, 3); (err == nil) != right {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// TestNoSessionStays: who asks much logs in, and out at the end.
func TestNoSessionStays(t *testing.T) {
	fake, file := newDesiredSite(t)
	text := ""
	for i := range 12 {
		text += fmt.Sprintf("[lab.l%d]\nadmins = [\"local:u%d\"]\n", i, i)
		fake.AddUser(fakeharbor.User{Name: fmt.Sprintf("u%d", i), Password: "x", Local: true})
	}
	write(t, file, text)
	for _, command := range []string{"apply", "plan"} {
		if status := run([]string{command}); status != 0 {
			t.Fatalf("%s ends with %d", command, status)
		}
	}
	logins := 0
	for _, r := range fake.TakeRequests() {
		if r.Method == http.MethodPost && r.Path == "/c/login" && r.Status == http.StatusOK {
			logins++
		}
	}
	if logins != 1 || fake.Sessions() != 0 {
		t.Errorf("after %d logins there are %d sessions", logins, fake.Sessions())
	}
}
