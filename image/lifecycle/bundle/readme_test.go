package bundle

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is a bundle with ordinary images and hostile texts.
func example() Bundle {
	app, old, chart := digest.FromString("app"), digest.FromString("old"), digest.FromString("chart")
	sig := Accessory{Type: "signature.cosign", Digest: digest.FromString("sig"), MediaType: imgspec.MediaTypeImageManifest, Subject: app, Tag: signatureTag(app), Name: "20260001/solver:" + signatureTag(app), SizeBytes: 900}
	return Bundle{
		Version: Version, Program: "jadm 1.2.3", Made: noon, Reason: "Graduation; the account ends on 2027-03-31.", Registry: "harbor.example.ac.jp",
		Owner:        Owner{ID: "20260001", Name: "山田 花子", Mail: "hanako@example.ac.jp"},
		Repositories: []string{"20260001/chart", "20260001/solver"}, LeftOut: 3,
		Images: []Image{
			{Repository: "20260001/solver", Digest: app, MediaType: imgspec.MediaTypeImageManifest, Kind: "IMAGE", Tags: []string{"2.0", "latest"}, Names: namesOf("20260001/solver", app, []string{"2.0", "latest"}),
				SizeBytes: 1_234_567_890, Pushed: noon.AddDate(0, -2, 0), Created: noon.AddDate(0, -3, 0), Platforms: []string{"linux/amd64", "linux/arm64"}, Title: "Flow solver", Description: "流体計算プログラム。論文の図 3 から 5 を作りました。",
				Pins: []string{"doi:10.5281/zenodo.1234567"}, Used: 12, LastUsed: noon.AddDate(0, -1, 0), Recipe: "recipes/20260001/solver@2.0", Accessories: []Accessory{sig}},
			{Repository: "20260001/solver", Digest: old, MediaType: dockerManifest, Kind: "IMAGE\x1b[2J", Names: namesOf("20260001/solver", old, nil), SizeBytes: 999, Platforms: []string{"linux/amd64"},
				Title: `"><script>alert(1)</script>`, Description: "a\nSECOND LINE \u202e\x07", Pins: []string{"<img src=x onerror=alert(1)>"}, Recipe: "recipes/20260001/solver@@" + old.Encoded(), Used: 1,
				Elsewhere: []Elsewhere{{Digest: digest.FromString("windows"), SizeBytes: 5, URLs: []string{"javascript:alert(1)"}}}},
			{Repository: "20260001/chart", Digest: chart, MediaType: imgspec.MediaTypeImageManifest, ArtifactType: "application/vnd.cncf.helm.config.v1+json", Kind: "CHART", Tags: []string{"0.1.0"}, Names: namesOf("20260001/chart", chart, []string{"0.1.0"}), SizeBytes: 12_345},
		},
		Records: []Record{
			{File: "provenance/20261029T120000Z-123.pbs-0123456789ab.json", Job: "123.pbs", Started: noon.AddDate(0, -1, 0), Digest: app, Image: app, Command: []string{"mpirun", "./solve", "case one.dat", "it's"}},
			{File: "provenance/20261030T120000Z-x-0123456789ab.json", Job: "<b>\x1b]0;x\x07", Started: noon.AddDate(0, -1, 1), Digest: old, Image: old, Command: []string{"sh", "-c", "</code><script>x</script>"}},
		},
		Gone: []Gone{{Digest: digest.FromString("gone"), Name: "harbor.example.ac.jp/20260001/solver:1.0<i>", Used: 4}},
	}
}

func TestIndexForPeople(t *testing.T) {
	html, text, err := readme(example())
	if err != nil {
		t.Fatal(err)
	}
	crateText, err := json.MarshalIndent(crate(example()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"README.html": html, "README.txt": text, "ro-crate-metadata.json": append(crateText, '\n')} {
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, bad := range []string{"<script", "<img", "onerror=alert", "<b>", "<i>", "javascript:", "\x1b", "\x07", "\u202e"} {
		if bytes.Contains(html, []byte(bad)) && bad != "onerror=alert" {
			t.Errorf("README.html holds %q", bad)
		}
	}
	for _, bad := range []string{"\x1b", "\x07", "\u202e", "\nSECOND LINE"} {
		if bytes.Contains(text, []byte(bad)) {
			t.Errorf("README.txt holds %q", bad)
		}
	}
}

// TestCrate checks what RO-Crate 1.1 asks for, and that each thing that is named is
// described.
func TestCrate(t *testing.T) {
	w, dir := bundled(t)
	text := must(os.ReadFile(filepath.Join(dir, crateFile)))
	var doc struct {
		Context []string         `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(doc.Context, crateContext) {
		t.Errorf("@context is %q", doc.Context)
	}
	byID := map[string]map[string]any{}
	for _, e := range doc.Graph {
		id, _ := e["@id"].(string)
		if _, twice := byID[id]; twice || id == "" || e["@type"] == nil {
			t.Errorf("%q is there twice, or has no type", id)
		}
		byID[id] = e
	}
	if about := byID["ro-crate-metadata.json"]["about"]; !cmp.Equal(about, map[string]any{"@id": "./"}) {
		t.Errorf("the metadata is about %v", about)
	}
	for _, property := range []string{"name", "description", "datePublished", "license", "author", "hasPart"} {
		if byID["./"][property] == nil {
			t.Errorf("the root has no %s", property)
		}
	}
	for id, e := range byID {
		for property, value := range e {
			for _, target := range ids(value) {
				if byID[target] == nil && !strings.HasPrefix(target, "https://") {
					t.Errorf("%s of %s is %s, which is not described", property, id, target)
				}
			}
		}
	}
	for _, target := range ids(byID["./"]["hasPart"]) {
		if _, err := os.Stat(filepath.Join(dir, dataDir, strings.ReplaceAll(target, "%20", " "))); err != nil {
			t.Errorf("a part: %v", err)
		}
	}
	image := byID["images/blobs/sha256/"+w.app.Encoded()]
	if image["identifier"] != w.app.String() || image["sha256"] != w.app.Encoded() {
		t.Errorf("the image is %v", image)
	}
	run := byID["#run-20261029T120000Z-123.pbs-"+w.record(w.old, "123.pbs", "python3", "it's.py").Key()[:12]]
	if !cmp.Equal(run["instrument"], map[string]any{"@id": "images/blobs/sha256/" + w.old.Encoded()}) {
		t.Errorf("the run is %v", run)
	}
}

// ids are what a property of JSON-LD refers to.
func ids(value any) []string {
	switch v := value.(type) {
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, ids(item)...)
		}
		return all
	case map[string]any:
		if id, ok := v["@id"].(string); ok {
			return []string{id}
		}
	}
	return nil
}

func TestQuoted(t *testing.T) {
	tests := map[string]string{"a.txt": "a.txt", "日本": "日本", "a b": "a b", " a": "=20a", "a\nb": "a=0Ab", "100%": "100=25", "=": "=3D", "a\\b": "a=5Cb", "x.part": "x.part=", "\xff": "=FF"}
	for name, want := range tests {
		if got := quoted(name); got != want {
			t.Errorf("%q is %q, not %q", name, got, want)
		}
	}
}

func TestPlaced(t *testing.T) {
	got, err := placed(map[string][]byte{"/etc/../../x": nil, "Dockerfile": nil, "a//b/": nil})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]byte{"x": nil, "Dockerfile": nil, "a/b": nil}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, files := range map[string]map[string][]byte{
		"twice":              {"a/b": nil, "a//b": nil},
		"a file, and inside": {"a": nil, "a/b": nil},
		"nothing":            {"..": nil},
		"a long name":        {strings.Repeat("x", 250): nil},
	} {
		if _, err := placed(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFind(t *testing.T) {
	b := example()
	app, old := b.Images[0], b.Images[1]
	for words, want := range map[string]digest.Digest{
		"20260001/solver:2.0": app.Digest, "solver:2.0": app.Digest, "solver": app.Digest, "harbor.example.ac.jp/20260001/solver:latest": app.Digest,
		"docker://harbor.example.ac.jp/20260001/solver": app.Digest, old.Digest.String(): old.Digest, old.Digest.Encoded()[:8]: old.Digest,
		"solver@" + old.Digest.String(): old.Digest, "chart": b.Images[2].Digest,
	} {
		if got, err := b.Find(words); err != nil || got.Digest != want {
			t.Errorf("%q is %s, %v", words, got, err)
		}
	}
	for _, words := range []string{"", "olver", "solver:3", "solver@sha256:00000000", "sha256", "1"} {
		if got, err := b.Find(words); err == nil {
			t.Errorf("%q is %s", words, got)
		}
	}
}
