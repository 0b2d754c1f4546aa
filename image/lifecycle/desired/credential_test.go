package desired

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	files := Files{Host: "harbor.example:8443", Dir: dir}
	c := Credential{Project: "20260001", Robot: "nodes", User: "robot$20260001+nodes", Password: "one"}
	keep := func(c Credential) map[string]json.RawMessage {
		t.Helper()
		if err := files.Keep(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		var content struct {
			Auths map[string]struct{ Auth string }
			Other json.RawMessage
		}
		b, err := os.ReadFile(files.Path(c))
		if err == nil {
			err = json.Unmarshal(b, &content)
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(files.Path(c))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("its mode is %v, %v", info.Mode(), err)
		}
		login, err := base64.StdEncoding.DecodeString(content.Auths["harbor.example:8443/"+c.Project].Auth)
		if err != nil || string(login) != c.User+":"+c.Password {
			t.Errorf("the login is %q, %v", login, err)
		}
		return map[string]json.RawMessage{"other": content.Other, "hub": json.RawMessage(content.Auths["docker.io"].Auth)}
	}
	if files.Kept(c) {
		t.Error("what was never kept is there")
	}
	keep(c)
	if !files.Kept(c) {
		t.Error("what was kept is not there")
	}
	if got := files.Path(c); got != filepath.Join(dir, "20260001+nodes.json") {
		t.Errorf("it is in %s", got)
	}
	c.File, c.Password = filepath.Join(dir, "new", "{project}", "auth-{robot}.json"), "two"
	keep(c)
	if got := files.Path(c); got != filepath.Join(dir, "new", "20260001", "auth-nodes.json") {
		t.Errorf("it is in %s", got)
	}

	c.File = "shared.json"
	old := `{"auths": {"docker.io": {"auth": "aHVi"}}, "other": {"a": 1}}`
	if err := os.WriteFile(files.Path(c), []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := keep(c); string(got["hub"]) != "aHVi" || len(got["other"]) == 0 {
		t.Errorf("what was in the file is %s", got)
	}
	for _, broken := range []string{"{", "[]", `{"auths": 3}`} {
		if err := os.WriteFile(files.Path(c), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		err := files.Keep(t.Context(), c)
		if err == nil || strings.Contains(err.Error(), c.Password) {
			t.Errorf("with %q the error is %v", broken, err)
		}
		if b, _ := os.ReadFile(files.Path(c)); string(b) != broken {
			t.Errorf("%q was overwritten", broken)
		}
	}
	for _, empty := range []string{"null", `{"auths": null}`} {
		if err := os.WriteFile(files.Path(c), []byte(empty), 0o600); err != nil {
			t.Fatal(err)
		}
		keep(c)
	}
}
