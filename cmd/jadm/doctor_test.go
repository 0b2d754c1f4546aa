package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
)

// findingsOf is what jadm doctor --json says, by check.
func findingsOf(t *testing.T, wantStatus int) map[string]finding {
	t.Helper()
	out, status := jadm(t, "doctor", "--json")
	if status != wantStatus {
		t.Errorf("its status is %d, not %d: %s", status, wantStatus, out)
	}
	var all []finding
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[string]finding{}
	for _, f := range all {
		found[f.Check] = f
		if (f.Status == findingFailed || f.Status == findingWarning) && len(f.Next) == 0 && f.Check != "clock" {
			t.Errorf("%s does not say what to do: %+v", f.Check, f)
		}
	}
	return found
}

func wantStatus(t *testing.T, found map[string]finding, check, status, words string) {
	t.Helper()
	if f := found[check]; f.Status != status || !strings.Contains(f.Detail, words) {
		t.Errorf("%s: %+v, not %s with %q", check, f, status, words)
	}
}

// TestDoctor: each mistake is found where it is, and the others are not blamed.
func TestDoctor(t *testing.T) {
	fake, desiredFile := newDesiredSite(t)
	dir := filepath.Dir(desiredFile)
	config := filepath.Join(dir, "jadm.toml")
	wantStatus(t, findingsOf(t, 1), "state", findingFailed, "cannot remember")
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, desiredFile, "[webhook.jadm]\naddress = \"http://127.0.0.1:8480/v1/webhook\"\nsecret_file = \"theirs\"\n")
	write(t, filepath.Join(dir, "theirs"), "one\n")
	write(t, filepath.Join(dir, "ours"), "another\n")
	write(t, filepath.Join(dir, "people.csv"), "id,name,mail,uid\nu001,A,a@example.ac.jp,5001\nu002,B,,5002\n")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, string(text)+"\n[store]\npath = \"store\"\n[serve]\nwebhook_secret_file = \"ours\"\nmin_free = \"1\"\n[people]\ncsv = \"people.csv\"\n[leaving]\narchive_dir = \"nowhere\"\n")
	found := findingsOf(t, 1)
	if os.Getuid() == 0 {
		wantStatus(t, found, "account", findingFailed, "root")
	}
	wantStatus(t, found, "state", findingOK, "state")
	wantStatus(t, found, "Harbor", findingOK, "answers")
	wantStatus(t, found, "administrator", findingOK, "admin")
	wantStatus(t, found, "clock", findingOK, "")
	wantStatus(t, found, "people", findingWarning, "1 have no mail address")
	wantStatus(t, found, "store", findingOK, "free")
	wantStatus(t, found, "webhook", findingFailed, "the secrets differ")
	wantStatus(t, found, "letters", findingWarning, "reach nobody")
	wantStatus(t, found, "bundles", findingFailed, "nowhere")
	wantStatus(t, found, "jadm serve", findingWarning, "")

	write(t, filepath.Join(dir, "ours"), "one\n")
	fake.AddUser(fakeharbor.User{Name: "clerk", Password: "c", Local: true})
	write(t, filepath.Join(dir, "harbor.password"), "c\n")
	text, err = os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, strings.Replace(string(text), `"admin"`, `"clerk"`, 1))
	found = findingsOf(t, 1)
	wantStatus(t, found, "administrator", findingFailed, "no administrator")
	wantStatus(t, found, "webhook", findingOK, "8480")

	fake.Close()
	wantStatus(t, findingsOf(t, 1), "Harbor", findingFailed, "does not answer")
	write(t, config, "[harbor")
	if found := findingsOf(t, 1); len(found) != 1 {
		t.Errorf("without a configuration it says %v", found)
	}
}
