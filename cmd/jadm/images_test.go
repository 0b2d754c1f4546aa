package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/provenance"
	"github.com/jrun-hpc/jrun/image/store"
	"github.com/opencontainers/go-digest"
)

// imageSite is a Harbor with images, a store, and a jadm.toml for them.
type imageSite struct {
	*testing.T
	fake *fakeharbor.Server
	now  time.Time // Harbor's
	dir  string
}

func newImageSite(t *testing.T, keep string) *imageSite {
	t.Helper()
	s := &imageSite{T: t, dir: t.TempDir(), now: time.Now().Add(-100 * 24 * time.Hour)} // whatever clocks are put forward meanwhile
	s.fake = fakeharbor.New(fakeharbor.Options{Now: func() time.Time { return s.now }})
	t.Cleanup(s.fake.Close)
	s.fake.AddProject(fakeharbor.Project{Name: "lab"})
	root := filepath.Join(s.dir, "store")
	if err := store.InitSite(root); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenReports(root); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"password": fakeharbor.AdminPassword,
		"jadm.toml": fmt.Sprintf("state = \"state\"\n[harbor]\nurl = %q\nuser = %q\npassword_file = \"password\"\n[store]\npath = \"store\"\n[usage]\n%s\n",
			s.fake.URL, fakeharbor.AdminUser, keep),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *imageSite) push(tag string) digest.Digest {
	s.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		s.Fatal(err)
	}
	return s.fake.Push("lab/sim", tag, img)
}

// jrun is a report as jrun leaves it.
func (s *imageSite) jrun(kind provenance.ReportKind, d digest.Digest) {
	s.Helper()
	r := provenance.Report{Kind: kind, UID: os.Getuid(), Time: time.Now().UTC(), Reference: s.fake.Host + "/lab/sim:x", Digest: d, Resolved: d, Reason: "Suzuki \x1b[31m2027"}
	b, err := r.Encode()
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "store", "site", "reports", rand.Text()+".report"), b, 0o644); err != nil {
		s.Fatal(err)
	}
}

// jadm runs a command.
func (s *imageSite) jadm(args ...string) (string, error) {
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append([]string{"--config", filepath.Join(s.dir, "jadm.toml")}, args...))
	err := root.ExecuteContext(s.Context())
	return out.String(), err
}

func (s *imageSite) ok(args ...string) string {
	s.Helper()
	out, err := s.jadm(args...)
	if err != nil {
		s.Fatalf("jadm %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("there is no %q in\n%s", word, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("it steers the terminal: %q", text)
	}
}

// TestImages goes through the life of some images: used, cited, removed, put back.
func TestImages(t *testing.T) {
	s := newImageSite(t, "keep.keep_used_within = \"30d\"\nlongest_job = \"1d\"")
	used, cited, _ := s.push("used"), s.push("cited"), s.push("old")
	s.now = time.Now()
	s.push("new")
	s.jrun(provenance.Used, used)
	s.jrun(provenance.Pin, cited)
	contains(t, s.ok("retain", "--dry-run"), "lab/sim:old", "lab/sim:used", "nothing was changed") // nothing is known yet
	contains(t, s.ok("usage", "collect", "--dry-run"), "2 reports would be taken up")
	contains(t, s.ok("usage", "collect", "--dry-run", "--json"), `"reports": 2`)
	contains(t, s.ok("usage", "collect"), "1 uses, 0 records, 1 pins")
	contains(t, s.ok("usage", "collect", "--dry-run"), "0 reports would be taken up")
	contains(t, s.ok("usage"), "lab/sim", short(used.String()))
	contains(t, s.ok("pins"), short(cited.String()), "2027")
	contains(t, s.ok("usage", "keep-alive", "--dry-run"), "would tell Harbor of 1 images")
	contains(t, s.ok("usage", "keep-alive"), "told Harbor of 1 images")
	if s.fake.Pulled("lab/sim", "used").IsZero() {
		t.Error("Harbor knows of no pull")
	}
	out := s.ok("retain", "--dry-run")
	contains(t, out, "lab/sim:old", "never used, pushed 100 days ago", "tags to remove: 1,")
	if strings.Contains(out, "sim:used") || strings.Contains(out, "sim:cited") {
		t.Errorf("what is used or cited is to go:\n%s", out)
	}
	contains(t, s.ok("retain"), "tags to remove: 1,", "jadm retain undo")
	if !s.fake.Missing("lab/sim", "old") || s.fake.Missing("lab/sim", "cited") {
		t.Error("the wrong tag was removed")
	}
	contains(t, s.ok("retain", "undo", "--dry-run"), "1 tags would be put back")
	contains(t, s.ok("retain", "undo", "--project", "lab", "sim:old"), "1 tags put back")
	if s.fake.Missing("lab/sim", "old") {
		t.Error("it is not back")
	}
	contains(t, s.ok("unpin", "lab/sim@"+cited.String()), "unpinned")
	contains(t, s.ok("pin", "lab/sim:new", "--reason", "a thesis"), "a thesis")
	var pins []map[string]any
	if err := json.Unmarshal([]byte(s.ok("pins", "--json")), &pins); err != nil || len(pins) != 1 {
		t.Errorf("pins are %v, %v", pins, err)
	}
	audit, err := os.ReadFile(filepath.Join(s.dir, "state", "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(audit), `"pin.add"`, `"tag.remove"`, `"tag.restore"`, `"pin.remove"`)
	if strings.Contains(string(audit), fakeharbor.AdminPassword) {
		t.Error("the password is in the audit log")
	}
}

func TestReportCommand(t *testing.T) {
	s := newImageSite(t, "")
	s.push("1")
	contains(t, s.ok("report"), "PROJECT", "lab", "LAST USED")
	contains(t, s.ok("report", "--csv"), "project,owner,", "lab,")
	contains(t, s.ok("report", "--json"), `"harborBytes"`)
	page := filepath.Join(s.dir, "page.html")
	s.ok("report", "--html", page, "--language", "ja")
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("コンテナイメージ")) {
		t.Errorf("the page: %v", err)
	}
	if _, err := s.jadm("report", "--html", page, "--language", "de"); err == nil {
		t.Error("a language that there is not")
	}
}

// TestWithoutRules: nothing is removed.
func TestWithoutRules(t *testing.T) {
	s := newImageSite(t, "")
	s.push("1")
	s.now = time.Now()
	contains(t, s.ok("retain", "--all"), "no rule removes anything here", "tags to remove: 0")
	if s.fake.Missing("lab/sim", "1") {
		t.Error("it is gone")
	}
}

func TestMistakesWithImages(t *testing.T) {
	s := newImageSite(t, "")
	for name, args := range map[string][]string{
		"no reason": {"pin", "lab/sim:1"}, "no such tag": {"pin", "lab/sim:none", "--reason", "x"}, "no image": {"pin", "lab", "--reason", "x"},
		"not pinned": {"unpin", "lab/sim@" + digest.FromString("x").String()}, "no number": {"usage", "records", "suzuki"},
	} {
		if out, err := s.jadm(args...); err == nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// TestDryRunsAndJSON: what only says what would be done does nothing, and says it in JSON to
// who wants that.
func TestDryRunsAndJSON(t *testing.T) {
	s := newImageSite(t, "")
	page := filepath.Join(s.dir, "storage.html")
	contains(t, s.ok("report", "--html", page, "--dry-run"), "would write "+page)
	if _, err := os.Stat(page); err == nil {
		t.Error("a dry run has written the page")
	}
	login := filepath.Join(s.dir, "login.json")
	if err := os.WriteFile(login, []byte(`{"auths":{"h/u001":{"auth":"eDp5"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(s.dir, "home", "auth.json")
	for _, args := range [][]string{
		{"report", "--html", page, "--dry-run"}, {"report", "--html", page}, {"mail", "test", "a@example.org", "--dry-run"},
		{"user", "place", login, home, "--dry-run"},
	} {
		var answer map[string]any
		if out := s.ok(append(args, "--json")...); json.Unmarshal([]byte(out), &answer) != nil {
			t.Errorf("jadm %s --json says %s", strings.Join(args, " "), out)
		}
	}
	if _, err := os.Stat(filepath.Dir(home)); err == nil {
		t.Error("a dry run has made a directory")
	}
	contains(t, s.ok("user", "place", login, home, "--dry-run"), "would put the logins for h/u001")
	if _, err := s.jadm("user", "place", filepath.Join(s.dir, "none"), home, "--dry-run"); err == nil {
		t.Error("a file that is not there would be placed")
	}
}

// TestMistypedOptions: what means nothing is said, and not taken for something else.
func TestMistypedOptions(t *testing.T) {
	s := newImageSite(t, "")
	for _, args := range [][]string{
		{"user", "add", "--new", "--most", "-5"}, {"report", "--language", "xx"}, {"queue", "retry", "../x"}, {"audit", "show", "--outcome", "x"},
		{"audit", "rotate", "--size", "-1"}, {"mail", "test", "a@example.org", "--language", "de"},
	} {
		_, err := s.jadm(args...)
		var f *fault.Error
		if !errors.As(err, &f) || f.Next == "" || strings.Contains(f.What, "cannot be asked") {
			t.Errorf("jadm %s: %v", strings.Join(args, " "), err)
		}
	}
}
