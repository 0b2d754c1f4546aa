package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/jrun-hpc/jrun/cmd/manual"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/spf13/cobra"
)

// commandsIn are the commands of a piece of shell that call jbuild, as words.
func commandsIn(t *testing.T, shell string) [][]string {
	t.Helper()
	calls, err := manual.Calls("jbuild", shell)
	if err != nil {
		t.Error(err)
	}
	return calls
}

// understood reports what jbuild does not understand of a command line; nothing is done.
func understood(language string, args []string) error {
	printer, _ := message.For(language)
	root := newRootCommand(printer)
	if len(args) > 1 && args[0] == "docker-compat" {
		words, err := translateDocker(root, args[1:])
		if err != nil {
			return err
		}
		args = words
	}
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("there is no command %q", rest[0])
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// docker is what the alias in the help of docker-compat stands for.
var docker = regexp.MustCompile(`(?m)(^  |&& )docker `)

func TestExamplesOfHelp(t *testing.T) {
	for _, language := range message.Languages {
		eachCommand(newRootCommand(printerFor(t, language)), func(c *cobra.Command) {
			commands := commandsIn(t, docker.ReplaceAllString(c.Example, "${1}jbuild docker-compat "))
			if c.Example != "" && len(commands) == 0 {
				t.Errorf("%s: the example does not call jbuild: %s", c.CommandPath(), c.Example)
			}
			for _, args := range commands {
				if err := understood(language, args); err != nil {
					t.Errorf("%s, example of %s: jbuild %q: %v", language, c.CommandPath(), args, err)
				}
			}
		})
	}
}

// TestDocumentation: jbuild understands what is typed in the guides.
func TestDocumentation(t *testing.T) {
	fence := regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	typed := regexp.MustCompile(`(?m)^(?:\$|#|cfd#|[a-z0-9-]+ \(root\)#) .*(?:\\\n.*)*$`)
	for _, file := range []string{"README.md", "docs/build.md", "docs/build.ja.md", "docs/dockerfile.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		if os.IsNotExist(err) && file == "docs/dockerfile.md" {
			continue // it is written with package dockerfile
		}
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
			for _, line := range typed.FindAllString(block[1], -1) {
				for _, args := range commandsIn(t, line) {
					count++
					if err := understood("en", args); err != nil {
						t.Errorf("%s: jbuild %q: %v", file, args, err)
					}
				}
			}
		}
		if count == 0 && strings.HasPrefix(file, "docs/build") {
			t.Errorf("%s: no command is found; the search cannot be right", file)
		}
	}
}

// named finds commands in texts: behind a quote or a colon, or where the text begins.
var named = regexp.MustCompile("(?:^|['「`（]|: |； |; )jbuild ([a-z][a-z-]*)((?: [^'」`\n]*)?)")

var flagIn = regexp.MustCompile(`(?:^|[\s(（])(--?[a-z][a-z-]*)`)

// TestCommandsNamedInTexts: what texts tell to type is there, with its flags.
func TestCommandsNamedInTexts(t *testing.T) {
	root := newRootCommand(printerFor(t, "en"))
	count := 0
	check := func(where, text string) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			count++
			if m[1] == "makes" || m[1] == "does" {
				continue // a sentence about jbuild
			}
			cmd, _, err := root.Find([]string{m[1]})
			if err != nil || cmd == root {
				t.Errorf("%s: there is no command %q: %s", where, m[1], text)
				continue
			}
			cmd.InheritedFlags() // so that Flags has them
			own, _, _ := strings.Cut(m[2], " -- ")
			for _, f := range flagIn.FindAllStringSubmatch(own, -1) {
				name := strings.TrimLeft(f[1], "-")
				if cmd.Flags().Lookup(name) == nil && (len(name) > 1 || cmd.Flags().ShorthandLookup(name) == nil) {
					t.Errorf("%s: jbuild %s has no flag %s: %s", where, m[1], f[1], text)
				}
			}
		}
	}
	for name, texts := range catalogue(t) {
		for language, text := range texts {
			check(name+" in "+language, text)
		}
	}
	for place, text := range literals(t) {
		check(place, text)
	}
	if count < 50 {
		t.Errorf("only %d commands are named; the search cannot be right", count)
	}
}

// catalogue is what the files of the catalogue say.
func catalogue(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	files, err := filepath.Glob("../../vmtemplate/message/catalogue/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("there is no catalogue: ", err)
	}
	for _, file := range files {
		var tree map[string]any
		if _, err := toml.DecodeFile(file, &tree); err != nil {
			t.Fatal(err)
		}
		flatten(all, "", tree)
	}
	return all
}

func flatten(all map[string]map[string]string, name string, tree map[string]any) {
	for key, value := range tree {
		switch v := value.(type) {
		case map[string]any:
			flatten(all, strings.TrimPrefix(name+"."+key, "."), v)
		case string:
			if all[name] == nil {
				all[name] = map[string]string{}
			}
			all[name][key] = v
		}
	}
}

// literals are the strings of the guided session's sources that begin with jbuild: the
// commands that stand below its questions.
func literals(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	files := token.NewFileSet()
	for _, dir := range []string{"../../vmtemplate", "."} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if text, err := strconv.Unquote(l.Value); err == nil && strings.HasPrefix(text, "jbuild ") {
						all[files.Position(l.Pos()).String()] = text
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
