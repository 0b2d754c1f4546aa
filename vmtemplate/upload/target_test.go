package upload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

func TestParseTarget(t *testing.T) {
	good := map[string]Target{
		"harbor.example/u001/cfd:1":                 {"harbor.example", "u001/cfd", "1"},
		"docker://harbor.example/u001/a/b:v1.2_3-x": {"harbor.example", "u001/a/b", "v1.2_3-x"},
		"127.0.0.1:5000/20260001/x__y:A":            {"127.0.0.1:5000", "20260001/x__y", "A"},
		"localhost:5000/p/n:1":                      {"localhost:5000", "p/n", "1"},
	}
	for text, want := range good {
		got, err := ParseTarget(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
		if back, err := ParseTarget(got.String()); err != nil || back != got {
			t.Errorf("%s is not read back: %v", got, err)
		}
	}
	for text, why := range map[string]string{
		"":                                               "upload.name.host",
		"u001/cfd:1":                                     "upload.name.host",
		"harbor.example/u001/cfd":                        "upload.name.no-tag",
		"harbor.example:443/u001/cfd":                    "upload.name.no-tag",
		"harbor.example/u001/cfd:":                       "upload.name.tag",
		"harbor.example/u001/cfd:-1":                     "upload.name.tag",
		"harbor.example/u001/cfd:a b":                    "upload.name.tag",
		"harbor.example/u001/cfd@sha256:0":               "upload.name.digest",
		"harbor.example/U001/My CFD:1":                   "upload.name.better",
		"harbor.example/u001/流体:1":                       "upload.name.better",
		"harbor.example/流体:1":                            "upload.name.repository",
		"harbor.example/cfd:1":                           "upload.name.project",
		"harbor.example/u001//cfd:1":                     "upload.name.better",
		"h.example/u/" + strings.Repeat("x", 255) + ":1": "upload.name.long",
	} {
		_, err := ParseTarget(text)
		told, ok := err.(*message.Error) //nolint:errorlint // it is not wrapped
		if !ok || told.Next[0].Name() != why {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSuggest(t *testing.T) {
	for text, want := range map[string]string{
		"u001/cfd": "u001/cfd", "My CFD": "my-cfd", "U001/My  CFD (new)": "u001/my-cfd-new", "a..b": "a-b", "/a/": "a", "a/-b": "a/b", "流体": "", "a___b": "a-b", "x__y": "x-y",
	} {
		if got := Suggest(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"harbor.example/u001/cfd:1", "localhost:1/a/b:c", "a/b@sha256:1", "docker://x.y/Ü:1", "x.y/a/../b:1", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTarget(text)
		if err == nil {
			if back, err := ParseTarget(got.String()); err != nil || back != got {
				t.Errorf("%q is not read back", got)
			}
		}
		if better := Suggest(text); better != "" && !repositoryGrammar.MatchString(better) {
			t.Errorf("%q is suggested", better)
		}
	})
}

func FuzzCleanConfig(f *testing.F) {
	f.Add([]byte(`{"config":{"Hostname":"x","Env":[],"Healthcheck":{"Test":["NONE"]}},"rootfs":{"type":"layers","diff_ids":[]},"container":"c"}`))
	f.Add([]byte(`{"rootfs":{"diff_ids":[]},"config":null}`))
	f.Add([]byte(`{"rootfs":{"diff_ids":null},"config":{"Hostname":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		once, err := cleanConfig(raw, nil)
		if err != nil {
			return
		}
		twice, err := cleanConfig(once, nil)
		if err != nil || string(twice) != string(once) {
			t.Errorf("%s is cleaned once more: %s (%v)", once, twice, err)
		}
	})
}

func FuzzRangeEnd(f *testing.F) {
	for _, seed := range []string{"0-0", "0-99", "bytes=0-9", "1-2", "0-", "0--1", "0-9223372036854775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := rangeEnd(map[string][]string{"Range": {text}}); n < 0 || !ok && n != 0 {
			t.Errorf("%q is %d", text, n)
		}
	})
}
