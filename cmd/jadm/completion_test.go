package main

import (
	"strings"
	"testing"
)

// TestCompletion: files are offered where files are meant, and nowhere else.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"user show ":                 ":4", // no files
		"user leave --on ":           ":4",
		"audit show --outcome ":      "begun\ndone\nfailed\n:4",
		"pin --reason ":              ":4",
		"bundle verify ":             ":0", // files
		"bundle make --tar ":         ":0",
		"user add --credential-out ": ":0",
		"--config ":                  ":0",
		"init --store ":              ":0",
		"user sho":                   "show\tShow somebody's account, projects, robots and last upload\n:4",
		"report --cs":                "--csv\tprint the projects as CSV, in bytes\n:4",
	} {
		words := strings.Split(line, " ")
		out, status := jadm(t, append([]string{"__complete"}, words...)...)
		out, _, _ = strings.Cut(out, "\nCompletion ended")
		if status != 0 || out != want {
			t.Errorf("%q offers\n%s\nnot\n%s", line, out, want)
		}
	}
}
