package usage

import (
	"path"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for reference, want := range map[string]imageName{
		"harbor.example/lab/sim:2":                       {"harbor.example", "lab", "sim"},
		"harbor.example:8443/20260001/cfd/sim@sha256:0a": {"harbor.example:8443", "20260001", "cfd/sim"},
		"h/a.b-c/d__e/f---g:x@sha256:0":                  {"h", "a.b-c", "d__e/f---g"},
		"docker.io/debian:12":                            {},
		"h/LAB/sim:2":                                    {},
		"h/lab/../x/sim":                                 {},
		"h/lab/":                                         {},
		"h/../etc":                                       {},
		"h/lab/" + strings.Repeat("x", 300):              {},
		"":                                               {},
	} {
		got, ok := parseName(reference)
		if ok != (want != imageName{}) || ok && got != want {
			t.Errorf("%q is %+v, %v", reference, got, ok)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"harbor.example/lab/sim:2", "h:1/a/b/c@sha256:0", "/../..", "h/a/b:c:d@e@f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		n, ok := parseName(reference)
		if !ok {
			return
		}
		for _, word := range append(strings.Split(n.repository, "/"), n.project) {
			if word == "" || word == "." || word == ".." || path.Clean(word) != word {
				t.Errorf("%q has the part %q", reference, word)
			}
		}
	})
}
