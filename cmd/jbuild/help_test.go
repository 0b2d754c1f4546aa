package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/terminal"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the golden files anew")

// compareGolden compares got with a file of testdata.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// helpOf is what jbuild prints for arguments that ask for help.
func helpOf(t *testing.T, language string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand(printerFor(t, language))
	root.SetOut(&out)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		t.Fatalf("jbuild %v: %v", args, err)
	}
	return out.String()
}

func TestHelp(t *testing.T) {
	for _, language := range message.Languages {
		help := helpOf(t, language, "--help")
		compareGolden(t, "help."+language+".txt", help)
		compareGolden(t, "help-build."+language+".txt", helpOf(t, language, "build", "--help"))
		if help != helpOf(t, language, "help") {
			t.Errorf("in %s, jbuild help is not jbuild --help", language)
		}
		if helpOf(t, language, "help", "push") != helpOf(t, language, "push", "--help") {
			t.Errorf("in %s, jbuild help push is not jbuild push --help", language)
		}
	}
}

// TestHelpOfEveryCommand: every command explains itself and shows an example, in the
// reader's language, and fits a terminal.
func TestHelpOfEveryCommand(t *testing.T) {
	for _, language := range message.Languages {
		eachCommand(newRootCommand(printerFor(t, language)), func(c *cobra.Command) {
			if c.Name() == "docker-compat" || c.Name() == "help" {
				return // the flags of the first are docker's; the second's help is jbuild's
			}
			t.Run(language+"/"+c.CommandPath(), func(t *testing.T) {
				help := helpOf(t, language, append(strings.Fields(c.CommandPath())[1:], "--help")...)
				checkLines(t, language, help)
				c.Flags().VisitAll(func(f *pflag.Flag) { checkFlag(t, language, f) })
				if c.Hidden || c.Name() == "version" {
					return
				}
				if c.Long == "" || c.Example == "" {
					t.Error("has no explanation or no example")
				}
				if c.HasParent() && c.GroupID == "" {
					t.Error("is in no group of jbuild --help")
				}
			})
		})
	}
}

func checkLines(t *testing.T, language, help string) {
	t.Helper()
	for l := range strings.SplitSeq(help, "\n") {
		if w := terminal.Width(l); w > helpColumns && !strings.HasPrefix(l, "  jbuild ") {
			t.Errorf("a line takes %d columns: %s", w, l)
		}
	}
	for _, english := range []string{"[flags]", "(default", "Usage:", "COMMAND", "NAME", "FILE", "help for", "string", "stringArray", " int "} {
		if language == "ja" && !strings.Contains(help, "convert-for-test") && strings.Contains(help, english) {
			t.Errorf("%q is English", english)
		}
	}
}

// checkFlag: what a flag takes has a name in the text that explains it.
func checkFlag(t *testing.T, language string, f *pflag.Flag) {
	t.Helper()
	if !f.Hidden && f.Usage == "" {
		t.Errorf("--%s is not explained", f.Name)
	}
	if takes, _ := pflag.UnquoteUsage(f); f.Value.Type() != "bool" && takes == f.Value.Type() {
		t.Errorf("in %s, what --%s takes has no name", language, f.Name)
	}
}

// TestCommandsAreTheSame: a language changes texts, not what one types.
func TestCommandsAreTheSame(t *testing.T) {
	names := func(language string) []string {
		var all []string
		eachCommand(newRootCommand(printerFor(t, language)), func(c *cobra.Command) {
			all = append(all, c.CommandPath())
			c.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, c.CommandPath()+" --"+f.Name+" -"+f.Shorthand) })
		})
		return all
	}
	if diff := cmp.Diff(names("en"), names("ja")); diff != "" {
		t.Errorf("commands and flags (-en +ja):\n%s", diff)
	}
}
