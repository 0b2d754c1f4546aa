package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/cmd/manual"
	"github.com/spf13/cobra"
)

// commandsIn are the commands of a piece of shell that call jadm, as words.
func commandsIn(t *testing.T, shell string) [][]string {
	t.Helper()
	calls, err := manual.Calls("jadm", shell)
	if err != nil {
		t.Error(err)
	}
	return calls
}

// understood reports what jadm does not understand of a command line; nothing is done.
func understood(args []string) error {
	root := newRootCommand()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	return cmd.ValidateRequiredFlags()
}

func eachCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, do)
	}
}

// TestExamplesOfHelp: each command has an example, which jadm understands.
func TestExamplesOfHelp(t *testing.T) {
	eachCommand(newRootCommand(), func(c *cobra.Command) {
		if !c.HasParent() || c.Hidden {
			return
		}
		commands := commandsIn(t, c.Example)
		if len(commands) == 0 {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, args := range commands {
			if err := understood(args); err != nil {
				t.Errorf("example of %s: jadm %q: %v", c.CommandPath(), args, err)
			}
		}
	})
}

// TestDocumentation: jadm understands what is typed in the guides.
func TestDocumentation(t *testing.T) {
	fence := regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	typed := regexp.MustCompile(`(?m)^\$ .*(?:\\\n.*)*$`)
	inline := regexp.MustCompile("`((?:sudo (?:-u jadm )?)?jadm [^`]*)`")
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
			for _, line := range typed.FindAllString(block[1], -1) {
				lines = append(lines, strings.TrimPrefix(line, "$ "))
			}
		}
		for _, line := range lines {
			for _, args := range commandsIn(t, line) {
				count++
				if err := understood(args); err != nil {
					t.Errorf("%s: jadm %q: %v", file, args, err)
				}
			}
		}
		// In a sentence a command may be named without its arguments, but it must be one.
		for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
			for _, args := range commandsIn(t, m[1]) {
				count++
				cmd, rest, err := newRootCommand().Find(args)
				if err == nil && len(args) > 0 {
					err = cmd.ParseFlags(rest)
				}
				if err != nil || len(args) > 0 && !cmd.HasParent() && !strings.HasPrefix(args[0], "-") && args[0] != "…" {
					t.Errorf("%s: there is no command %q: %v", file, m[1], err)
				}
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d commands are found; the search cannot be right", count)
	}
}

// TestTenCommands: docs/admin.md promises first users in ten commands, and explains each.
func TestTenCommands(t *testing.T) {
	text, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(text), "in ten commands\n")
	_, block, _ := strings.Cut(chapter, "```\n")
	block, after, _ := strings.Cut(block, "```\n")
	if n := strings.Count("\n"+block, "\n$ "); n != 10 {
		t.Errorf("there are %d commands:\n%s", n, block)
	}
	explained, _, _ := strings.Cut(after, "\n### ")
	if n := len(regexp.MustCompile(`(?m)^\d+\. `).FindAllString(explained, -1)); n != 10 {
		t.Errorf("%d of them are explained", n)
	}
}
