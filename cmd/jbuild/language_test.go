package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// printerFor is the printer of a language that the catalogue has.
func printerFor(t *testing.T, language string) *message.Printer {
	t.Helper()
	printer, ok := message.For(language)
	if !ok {
		t.Fatalf("there is no language %q", language)
	}
	return printer
}

func TestChooseLanguage(t *testing.T) {
	config := filepath.Join(t.TempDir(), "jbuild.toml")
	if err := os.WriteFile(config, []byte("language = 'ja'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"nothing", nil, nil, "en"},
		{"LANG", nil, map[string]string{"LANG": "ja_JP.UTF-8"}, "ja"},
		{"LC_ALL before LANG", nil, map[string]string{"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"},
		{"a language that is not there", nil, map[string]string{"LANG": "fr_FR.UTF-8"}, "en"},
		{"jbuild.toml before LANG", nil, map[string]string{"LANG": "en_US.UTF-8", "JBUILD_CONFIG": config}, "ja"},
		{"--lang before jbuild.toml", []string{"list", "--lang", "en"}, map[string]string{"JBUILD_CONFIG": config}, "en"},
		{"--lang=", []string{"--lang=ja", "list"}, nil, "ja"},
		{"--lang of a command inside", []string{"run", "cfd", "--", "sort", "--lang=ja"}, nil, "en"},
		{"--lang without a value", []string{"--lang"}, map[string]string{"LANG": "ja_JP.UTF-8"}, "ja"},
		{"a --lang that is not there", []string{"--lang", "fr"}, map[string]string{"LANG": "ja_JP.UTF-8"}, "en"},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"HOME": t.TempDir()}
			for name, value := range test.env {
				env[name] = value
			}
			got := chooseLanguage(test.args, func(name string) string { return env[name] }).Language()
			if got != test.want {
				t.Errorf("jbuild speaks %s, not %s", got, test.want)
			}
		})
	}
}
