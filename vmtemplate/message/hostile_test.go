package message

import (
	"errors"
	"strings"
	"testing"
)

// TestHostile: what registries, packages and files say controls no terminal, and turns no
// line around.
func TestHostile(t *testing.T) {
	hostile := "a\x1b]52;c;aGk=\x07b\u202egpj.exe\u0085\r\x00\u2066"
	for _, lang := range Languages {
		p, _ := For(lang)
		for name, got := range map[string]string{
			"plain": p.Text(Plain(hostile)), "argument": p.Say("flow.workspace.delete", hostile), "error": p.Text(Plain(errors.New(hostile))),
			"nested": p.Text(Plain(Plain(hostile))), "failure": p.Format("jbuild", errors.New(hostile)), "cause": p.Cause(errors.New(hostile)),
		} {
			if strings.ContainsAny(got, "\x00\a\r\x1b\u0085\u202e\u2066") {
				t.Errorf("%s in %s: %q", name, lang, got)
			}
		}
		if got := p.Text(Plain("全角\u3000a\tb\nc")); got != "全角\u3000a\tb\nc" {
			t.Errorf("text becomes %q", got)
		}
	}
}
