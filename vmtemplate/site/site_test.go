package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jbuild.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(func(name string) string { return map[string]string{"JBUILD_CONFIG": file, "HOME": "/home/me"}[name] })
}

func TestLoad(t *testing.T) {
	c, err := load(t, "registry = 'harbor.example.ac.jp'\nproject = 'u-{user}'\ndata = '~/b'\n[job]\nqueue='small'\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Registry != "harbor.example.ac.jp" || c.Job.Queue != "small" || !c.Job.UsesHook() {
		t.Errorf("read as %+v", c)
	}
	if got := c.ProjectOf("s2026"); got != "u-s2026" {
		t.Errorf("the project is %q", got)
	}
	home := func(name string) string { return map[string]string{"HOME": "/home/me"}[name] }
	if got := c.DataDir(home); got != "/home/me/b" {
		t.Errorf("the data are in %q", got)
	}
	if got := (Config{}).DataDir(home); got != "/home/me/.local/share/jbuild" {
		t.Errorf("the data are in %q", got)
	}
	if got := (Config{}).ProjectOf("s2026"); got != "s2026" {
		t.Errorf("the project is %q", got)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"registri = 'x'":  "registri",
		"registry = ":     "jbuild.toml",
		"language = 'fr'": "fr",
		"[report]\nurl = 'http://jadm.example.ac.jp'":       "http://jadm",
		"[report]\nurl = 'jadm.example.ac.jp'":              "jadm.example",
		"[report]\nurl = 'https://u:p@jadm.example.ac.jp'":  "jadm.example",
		"[report]\nurl = 'https://jadm.example.ac.jp/?x=1'": "jadm.example",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
	for _, url := range []string{"https://jadm.example.ac.jp:8443/x", "http://127.0.0.1:80", "http://[::1]", "http://localhost:1"} {
		if c, err := load(t, "[report]\nurl = '"+url+"'"); err != nil || c.Report.URL != url {
			t.Errorf("%s: %q, %v", url, c.Report.URL, err)
		}
	}
	_, err := Load(func(name string) string { return map[string]string{"JBUILD_CONFIG": "/nowhere"}[name] })
	if err == nil {
		t.Error("a file that was named and is not there is no error")
	}
	if c, err := Load(func(string) string { return "" }); err != nil || c.Registry != "" && c.Registry == "x" {
		t.Errorf("without any file: %v", err)
	}
}
