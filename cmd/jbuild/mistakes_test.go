package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// mistakes are command lines that cannot be understood.
var mistakes = []string{
	"foo",
	"shel",
	"shel --foo",
	"help foo",
	"--foo",
	"--lang",
	"--lang xx list",
	"push",
	"push a b c",
	"push --compressed zstd cfd",
	"push --compression",
	"push -z cfd",
	"push --=x cfd",
	"push --dry-run=maybe cfd",
	"push --compression lzma cfd",
	"list extra",
	"new",
	"new --base",
	"new --base x --workdir opt",
	"new --base x --env =1",
	"new --base x --name A.",
	"run cfd",
	"cp a b",
	"script --nodes x lab/cfd:1",
	"script lab/cfd:1 --kind gpu",
	"test cfd --gpu none",
	"save-image cfd:1",
	"build --network bridge .",
	"build --progress fancy .",
	"completion tcsh",
	"login -u x --password-stdin",
	"docker-compat run x",
}

// TestMistakes: each mistake on the command line is told in the reader's language, with
// what to type.
func TestMistakes(t *testing.T) {
	t.Setenv("JBUILD_CONFIG", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	for _, language := range message.Languages {
		var all strings.Builder
		for _, args := range mistakes {
			printer := printerFor(t, language)
			root := newRootCommand(printer)
			root.SetArgs(strings.Fields(args))
			root.SetIn(strings.NewReader(""))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			err := root.Execute()
			if err == nil {
				t.Errorf("jbuild %s is understood", args)
				continue
			}
			told := printer.Format("jbuild", flagFault(root, err))
			if !strings.Contains(told, printer.Say("message.next")) {
				t.Errorf("jbuild %s: nothing to do next: %s", args, told)
			}
			fmt.Fprintf(&all, "$ jbuild %s\n%s\n", args, told)
		}
		compareGolden(t, "mistakes."+language+".txt", all.String())
	}
}
