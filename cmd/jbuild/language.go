package main

import (
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/site"
)

// chooseLanguage finds the language before the command line is understood: --lang,
// then jbuild.toml, then LANG. What is wrong with any of them is told later, by who
// uses them.
func chooseLanguage(args []string, getenv func(string) string) *message.Printer {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		value, ok := strings.CutPrefix(arg, "--lang=")
		if arg == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok {
			p, _ := message.For(value)
			return p
		}
	}
	if c, err := site.Load(getenv); err == nil && c.Language != "" {
		p, _ := message.For(c.Language)
		return p
	}
	return message.Detect(getenv)
}
