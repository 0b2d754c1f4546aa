package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor/fakeharbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/bundle"
	"github.com/jrun-hpc/jrun/vmtemplate/recipe"
)

// bundleSite is a Harbor with one image, and a jadm.toml for it.
func bundleSite(t *testing.T) (config string, fake *fakeharbor.Server) {
	t.Helper()
	fake = fakeharbor.New(fakeharbor.Options{})
	t.Cleanup(fake.Close)
	fake.AddProject(fakeharbor.Project{Name: "20260001"})
	img, err := random.Image(300, 1)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	made := recipe.Recipe{Dockerfile: "FROM debian\n", Lock: recipe.Lock{Schema: recipe.Schema, Name: "app"}}
	if file.Config.Labels, err = made.Labels(); err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	fake.Push("20260001/app", "1", img)
	dir := t.TempDir()
	config = filepath.Join(dir, "jadm.toml")
	for name, text := range map[string]string{
		"jadm.toml": fmt.Sprintf("state = \"state\"\n[harbor]\nurl = %q\nuser = %q\npassword_file = \"password\"\n", fake.URL, fakeharbor.AdminUser),
		"password":  fakeharbor.AdminPassword + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config, fake
}

// bundleCommand runs a command line, and returns what it prints.
func bundleCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out, progress bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&progress)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestBundleCommands(t *testing.T) {
	config, _ := bundleSite(t)
	dir := filepath.Join(t.TempDir(), "b")
	tarFile := filepath.Join(t.TempDir(), "b.tar")
	out, err := bundleCommand(t, "--config", config, "--dry-run", "bundle", "make", "--user", "20260001", dir)
	if err != nil || !strings.HasPrefix(out, "20260001/app:1\tsha256:") {
		t.Fatalf("dry run: %q, %v", out, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Fatal("a dry run made a bundle")
	}
	if out, err = bundleCommand(t, "--config", config, "bundle", "make", "--user", "20260001", "--tar", tarFile, dir); err != nil || !strings.Contains(out, "1 images with 1 tags") {
		t.Fatalf("make: %q, %v", out, err)
	}
	sum := exec.CommandContext(t.Context(), "sha256sum", "-c", filepath.Base(tarFile)+".sha256")
	sum.Dir = filepath.Dir(tarFile)
	if text, err := sum.CombinedOutput(); err != nil {
		t.Errorf("the archive: %v\n%s", err, text)
	}
	var s bundle.Summary
	if out, err = bundleCommand(t, "bundle", "verify", "--json", dir); err != nil || json.Unmarshal([]byte(out), &s) != nil || s.Images != 1 {
		t.Errorf("verify: %q, %v", out, err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(dir, "data/recipes/20260001/app@1/Dockerfile"))
	if err != nil || string(dockerfile) != "FROM debian\n" {
		t.Errorf("the recipe is %q, %v", dockerfile, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data/recipes/20260001/app@1/jbuild.lock")); err != nil {
		t.Error(err)
	}
	if out, err = bundleCommand(t, "bundle", "show", dir); err != nil || !strings.Contains(out, "20260001/app:1") {
		t.Errorf("show: %q, %v", out, err)
	}
	if out, err = bundleCommand(t, "--config", config, "--dry-run", "bundle", "restore", dir); err != nil || !strings.HasPrefix(out, "present ") {
		t.Errorf("restore: %q, %v", out, err)
	}
	log, err := os.ReadFile(filepath.Join(filepath.Dir(config), "state", "audit.jsonl"))
	if err != nil || !bytes.Contains(log, []byte(`"bundle.make"`)) || bytes.Contains(log, []byte(fakeharbor.AdminPassword)) {
		t.Errorf("the audit log is %s, %v", log, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "stranger"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = bundleCommand(t, "bundle", "verify", dir); err == nil || !strings.Contains(out, "data/stranger: ") {
		t.Errorf("verify of what is damaged: %q, %v", out, err)
	}
}

// TestBundleOfCited: what is cited is in a bundle, also when its tag is another image's by now.
func TestBundleOfCited(t *testing.T) {
	config, fake := bundleSite(t)
	cited := fake.Push("20260001/app", "paper", must(random.Image(200, 1)))
	other := fake.Push("20260001/app", "mine", must(random.Image(200, 1)))
	if _, err := bundleCommand(t, "--config", config, "pin", "20260001/app@"+cited.String(), "--reason", "figure 3"); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"paper", "mine"} {
		fake.Push("20260001/app", tag, must(random.Image(200, 1)))
	}
	for _, what := range [][]string{{"--project", "20260001"}, {"--repository", "20260001/app"}} {
		dir := filepath.Join(t.TempDir(), "b")
		if _, err := bundleCommand(t, append([]string{"--config", config, "bundle", "make", dir}, what...)...); err != nil {
			t.Fatal(err)
		}
		out, err := bundleCommand(t, "bundle", "show", "--json", dir)
		if err != nil || !strings.Contains(out, cited.String()) || !strings.Contains(out, "figure 3") || strings.Contains(out, other.String()) {
			t.Errorf("%q: %s, %v", what, out, err)
		}
	}
}

// TestBundleRun needs neither a configuration nor a registry.
func TestBundleRun(t *testing.T) {
	config, fake := bundleSite(t)
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := bundleCommand(t, "--config", config, "bundle", "make", "--user", "20260001", dir); err != nil {
		t.Fatal(err)
	}
	fake.Close()
	t.Setenv("JADM_CONFIG", "/nonexistent")
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "jrun"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	out, err := bundleCommand(t, "--dry-run", "bundle", "run", "--option=--no-home", dir, "app", "echo", "--flag")
	want := filepath.Join(bin, "jrun") + " --no-home oci:" + dir + "/data/images:20260001/app@sha256:"
	if err != nil || !strings.HasPrefix(out, want) || !strings.HasSuffix(out, " echo --flag\n") {
		t.Errorf("got %q, %v; want %s…", out, err, want)
	}
	b, err := bundle.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "data/images/blobs/sha256", b.Images[0].Digest.Encoded()), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := bundleCommand(t, "bundle", "run", dir, "app", "true"); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("an image that is damaged: %v", err)
	}
	t.Setenv("PATH", "")
	if _, err := bundleCommand(t, "--dry-run", "bundle", "run", dir, "app"); err == nil || !strings.Contains(err.Error(), "cannot find jrun") {
		t.Errorf("without jrun: %v", err)
	}
}

func TestBundleMakeRefuses(t *testing.T) {
	config, _ := bundleSite(t)
	records := filepath.Join(t.TempDir(), "records")
	if err := os.WriteFile(records, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"nobody":      {nil, "neither a user nor a project"},
		"a pin":       {[]string{"--user", "20260001", "--pin", "app@1"}, "cannot understand the pin"},
		"records":     {[]string{"--user", "20260001", "--records", records}, "record 1 in"},
		"no project":  {[]string{"--user", "nobody"}, "there is no project nobody"},
		"bad project": {[]string{"--project", "a/b"}, "is no name of a project"},
	} {
		args := append([]string{"--config", config, "bundle", "make"}, tt.args...)
		if _, err := bundleCommand(t, append(args, filepath.Join(t.TempDir(), "b"))...); err == nil || !strings.Contains(fault.Format("jadm", err), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
