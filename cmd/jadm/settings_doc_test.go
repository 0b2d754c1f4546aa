package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

// TestAllSettingsAreExplained: docs/jadm.toml.md has each key that jadm knows, in the part
// of its section, and no other.
func TestAllSettingsAreExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/jadm.toml.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	section := ""
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.Trim(rest, "[]") + "."
		}
		if cells := strings.Split(line, "|"); len(cells) > 2 && !strings.HasPrefix(section, "What") {
			for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
				explained[section+key[1]] = true
			}
		}
	}
	known := map[string]bool{}
	keysOf(reflect.TypeFor[settings.Settings](), "", known)
	if len(known) < 80 {
		t.Fatalf("only %d keys are known; the search cannot be right", len(known))
	}
	for key := range known {
		if !explained[key] {
			t.Errorf("docs/jadm.toml.md does not explain %s", key)
		}
	}
	for key := range explained {
		if !known[key] {
			t.Errorf("docs/jadm.toml.md explains %s, which jadm does not know", key)
		}
	}
}

// keysOf adds the keys of a section and those below it.
func keysOf(section reflect.Type, prefix string, to map[string]bool) {
	for i := range section.NumField() {
		field := section.Field(i)
		key := field.Tag.Get("toml")
		switch {
		case key == "":
		case field.Type.Kind() == reflect.Struct && !strings.Contains(field.Type.PkgPath(), "quantity"):
			keysOf(field.Type, prefix+key+".", to)
		default:
			to[prefix+key] = true
		}
	}
}
