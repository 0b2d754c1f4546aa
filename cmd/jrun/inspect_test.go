package main

import (
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/store"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestInspectHostile: what an image says of itself is one line of the table, and steers
// no terminal.
func TestInspectHostile(t *testing.T) {
	const hostile = "a\x1b[2J\ndigest\tsha256:0\u202eb"
	var object store.Object
	object.Meta.Config = imgspec.Image{Config: imgspec.ImageConfig{
		Entrypoint: []string{hostile}, Cmd: []string{hostile}, WorkingDir: hostile, Env: []string{"X=" + hostile}, Labels: map[string]string{"l": hostile},
	}}
	var out strings.Builder
	if err := (&inspection{}).print(&out, object); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if strings.ContainsAny(got, "\x1b\u202e") || strings.Count(got, "\n") != 6 || !strings.Contains(got, "X=a\uFFFD[2J digest sha256:0\uFFFDb\n") {
		t.Errorf("it prints\n%s", got)
	}
}
