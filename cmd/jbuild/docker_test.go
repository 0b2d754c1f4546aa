package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

func TestTranslateDocker(t *testing.T) {
	printer, _ := message.For("en")
	root := newRootCommand(printer)
	for docker, want := range map[string]string{
		"build -t a .":         "build -t a .",
		"buildx build -t a .":  "build -t a .",
		"image ls -q":          "images -q",
		"image rm a b":         "rmi a b",
		"image":                "",
		"save -o f a":          "save-image -o f a",
		"image save a":         "save-image a",
		"rmi image ls":         "rmi image ls",
		"push a:1":             "push a:1",
		"builder prune -f":     "prune -f",
		"run -it a":            "",
		"shell a":              "",
		"new":                  "",
		"":                     "--help",
		"--help":               "--help",
		"inspect --format x a": "inspect --format x a",
	} {
		got, err := translateDocker(root, strings.Fields(docker))
		if want == "" {
			var known *message.Error
			if !errors.As(err, &known) || len(known.Next) == 0 {
				t.Errorf("docker %s: %v, %v", docker, got, err)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("docker %s is %q (%v), not %q", docker, got, err, want)
		}
	}
}

func TestListedImages(t *testing.T) {
	older, newer := time.Unix(1, 0), time.Unix(2, 0)
	all := []workspace.Kept{
		{ID: "aaaa", Names: []string{"localhost/own:1", "harbor.example.ac.jp:443/p/own:latest"}, Created: older, Bytes: 5},
		{ID: "bbbb", Created: newer},
		{ID: "cccc", Names: []string{"docker.io/library/x@sha256:1"}, Created: newer},
	}
	for name, c := range map[string]struct {
		unnamed bool
		wanted  string
		want    []string
	}{
		"with names":      {want: []string{"docker.io/library/x <none> sha256:cccc", "harbor.example.ac.jp:443/p/own latest sha256:aaaa", "own 1 sha256:aaaa"}},
		"all":             {unnamed: true, want: []string{"<none> <none> sha256:bbbb", "docker.io/library/x <none> sha256:cccc", "harbor.example.ac.jp:443/p/own latest sha256:aaaa", "own 1 sha256:aaaa"}},
		"one repository":  {wanted: "own", want: []string{"own 1 sha256:aaaa"}},
		"one tag":         {wanted: "own:1", want: []string{"own 1 sha256:aaaa"}},
		"one that is not": {wanted: "own:2", want: nil},
		"one, of unnamed": {unnamed: true, wanted: "own", want: []string{"own 1 sha256:aaaa"}},
	} {
		var got []string
		for _, l := range listedImages(all, c.unnamed, c.wanted) {
			got = append(got, l.Repository+" "+l.Tag+" "+l.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFormatAll(t *testing.T) {
	all := []inspected{{ID: "sha256:a", RepoTags: []string{"x", "y"}, Config: map[string]any{"Env": []any{"A=1"}, "Cmd": nil}}}
	for format, want := range map[string]string{
		"{{.Id}}": "", "{{.ID}}": "sha256:a\n", "{{json .Config.Env}}": "[\"A=1\"]\n", `{{join .RepoTags ","}}`: "x,y\n", "{{": "",
	} {
		var out strings.Builder
		err := formatAll(&out, format, all)
		if (err != nil) != (want == "") || out.String() != want && err == nil {
			t.Errorf("%s gives %q (%v), not %q", format, out.String(), err, want)
		}
	}
}

func TestBuildOptionsComplete(t *testing.T) {
	t.Setenv("FROM_ENVIRONMENT", "value")
	o := buildOptions{args: []string{"A=1", "B=", "FROM_ENVIRONMENT", "NOT_SET_ANYWHERE", "C=x=y"}, contexts: []string{"d=/dir"}, network: "none", progress: "plain"}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "1", "B": "", "FROM_ENVIRONMENT": "value", "C": "x=y"}, o.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if !o.NoNetwork || o.Contexts["d"] != "/dir" {
		t.Errorf("the options are %+v", o.Options)
	}
	for _, bad := range []buildOptions{{network: "bridge", progress: "plain"}, {network: "host", progress: "loud"}} {
		if err := bad.complete(); err == nil {
			t.Errorf("%q and %q are taken", bad.network, bad.progress)
		}
	}
}
