package dockerfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

func TestImagesThatAreNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		args   map[string]string
		target string
		want   []need
	}{
		"one": {text: "FROM debian:12\nRUN true", want: []need{{"debian:12", 1}}},
		"stages": {
			text: "FROM a AS one\nFROM b\nCOPY --from=one / /\nCOPY --from=0 / /\nCOPY --from=c / /\n",
			want: []need{{"a", 1}, {"b", 2}, {"c", 5}},
		},
		"a stage that nobody needs": {text: "FROM a\nRUN true\nFROM b\n", want: []need{{"b", 3}}},
		"the target": {
			text: "FROM a AS one\nFROM b AS two\nFROM c AS three", target: "one", want: []need{{"a", 1}},
		},
		"the target by number": {text: "FROM a\nFROM b\nFROM c", target: "1", want: []need{{"b", 2}}},
		"mounts": {
			text: "FROM a\nRUN --mount=type=bind,from=b,target=/x --mount=from=c,target=/y true",
			want: []need{{"a", 1}, {"b", 2}, {"c", 2}},
		},
		"arguments": {
			text: "ARG TAG=1\nARG BASE=x\nFROM $BASE:${TAG}\nARG FROM=y\nCOPY --from=$FROM / /\n", args: map[string]string{"BASE": "given"},
			want: []need{{"given:1", 3}, {"y", 5}},
		},
		"built-in arguments": {text: "FROM a-$TARGETARCH", want: []need{{"a-" + runtime.GOARCH, 1}}},
		"scratch":            {text: "FROM a AS b\nFROM scratch\nCOPY --from=b / /", want: []need{{"a", 1}}},
		"a stage with an image's name": {
			text: "FROM a AS a\nFROM a\n", want: []need{{"a", 1}},
		},
		"each once":      {text: "FROM a\nCOPY --from=a / /", want: []need{{"a", 1}}},
		"continued line": {text: "# syntax=x\n\nFROM \\\n  a\nCOPY \\\n --from=b \\\n / /\n", want: []need{{"a", 3}, {"b", 5}}},
		"own platform":   {text: "FROM --platform=$BUILDPLATFORM a", want: []need{{"a", 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := source{file: "Dockerfile", text: []byte(c.text), args: c.args, target: c.target}.parse()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, p.images(), cmp.AllowUnexported(need{})); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	foreign := "arm64"
	if runtime.GOARCH == foreign {
		foreign = "amd64"
	}
	for name, c := range map[string]struct {
		text, target string
		want         string // name of the text
		words        []string
	}{
		"misspelt":            {text: "FROM a\nRUNN x", want: "dockerfile.unknown", words: []string{"line 2", "RUNN"}},
		"without FROM":        {text: "\nRUN x", want: "dockerfile.no-from", words: []string{"line 2", "RUN"}},
		"only ARG":            {text: "ARG X=1\n", want: "dockerfile.no-from-at-all"},
		"another platform":    {text: "FROM a\nFROM --platform=linux/" + foreign + " a", want: "dockerfile.bad-line", words: []string{"line 2", foreign}},
		"no platform":         {text: "FROM --platform=a/b/c/d/e a", want: "dockerfile.bad-line", words: []string{"line 1"}},
		"no such target":      {text: "FROM a AS one\nFROM b", target: "two", want: "dockerfile.no-target", words: []string{"two"}},
		"FROM without a name": {text: "FROM", want: "dockerfile.syntax"},
		"only comments":       {text: "# nothing\n", want: "dockerfile.no-from-at-all"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := source{file: "Dockerfile", text: []byte(c.text), target: c.target}.parse()
			var known *message.Error
			if !errors.As(err, &known) {
				t.Fatalf("the error is %v", err)
			}
			if known.What.Name() != c.want {
				t.Errorf("it says %s, not %s", known.What.Name(), c.want)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not mention %q", err, w)
				}
			}
			if len(known.Next) == 0 {
				t.Error("it does not say what to do")
			}
		})
	}
}

func TestLineOfAStep(t *testing.T) {
	p, err := source{file: "Dockerfile", text: []byte("ARG X=1\nFROM a\nRUN one\n\nRUN two \\\n  more\nRUN three\n")}.parse()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		n, of, added int
		line         int
		ok           bool
	}{
		"the FROM":                     {n: 1, of: 4, line: 2, ok: true},
		"the first":                    {n: 2, of: 4, line: 3, ok: true},
		"a continued one":              {n: 3, of: 4, line: 5, ok: true},
		"after those of the base":      {n: 4, of: 6, line: 3, ok: true},
		"one of the base":              {n: 3, of: 6, ok: false},
		"before a label":               {n: 4, of: 5, added: 1, line: 7, ok: true},
		"the label":                    {n: 5, of: 5, added: 1, ok: false},
		"with the base's and a label":  {n: 3, of: 6, added: 1, line: 3, ok: true},
		"the last, with no count seen": {n: 4, of: 0, line: 7, ok: true},
	} {
		line, _, ok := p.stages[0].at(c.n, c.of, c.added)
		if line != c.line || ok != c.ok {
			t.Errorf("%s: line %d, %v; want %d, %v", name, line, ok, c.line, c.ok)
		}
	}
}

// FuzzParse: no text breaks the reading, and what is read lies within it.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../integration/dockerfiles/*/Dockerfile")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "")
	}
	f.Add([]byte("FROM a AS b\nCOPY --from=${x:-b} / /\nRUN <<E\nE\n"), "b")
	f.Add([]byte("ARG\nFROM\n"), "0")
	f.Fuzz(func(t *testing.T, text []byte, target string) {
		p, err := source{file: "Dockerfile", text: text, args: map[string]string{"BASE": "x"}, target: target}.parse()
		if err != nil {
			return
		}
		lines := strings.Count(string(text), "\n") + 1
		if len(p.stages) == 0 || !p.stages[len(p.stages)-1].needed {
			t.Fatal("the target is not needed")
		}
		for _, st := range p.stages {
			for _, s := range append(st.steps, step{line: st.line}) {
				if s.line < 1 || s.line > lines {
					t.Errorf("line %d of %d", s.line, lines)
				}
			}
		}
		for _, n := range p.images() {
			if n.name == "" || n.name == scratch {
				t.Errorf("%q is needed", n.name)
			}
		}
	})
}
