//go:build e2e

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLanguage: errors are told in the language of the environment, by Go, by the
// stage that becomes the command, and by ranks that have not started Go.
func TestLanguage(t *testing.T) {
	s, p := jobSession(t)
	defer end(p)
	const english, japanese = "jrun: cannot find the command 'pyhton3'\n  why:  it is", "jrun: コマンド 'pyhton3' が見つかりません\n  理由: イメージの中の"
	for _, test := range []struct{ lang, all, want, missing string }{
		{"ja_JP.UTF-8", "", japanese, "はありません\n  理由: "},
		{"ja_JP.UTF-8", "C", english, "there is no file "},
		{"", "", english, "there is no file "},
	} {
		s.env["LANG"], s.env["LC_ALL"] = test.lang, test.all
		stays := s.start("run", "--quiet", ref(minimal), "sh", "-c", "echo inside >inside; exec sleep 98762")
		eventually(t, "a process of the job with this environment runs", func() bool {
			return os.Remove(filepath.Join(s.dir, "inside")) == nil
		})
		first := s.run("run", "--quiet", ref(minimal), "pyhton3").want(127)
		second := s.run("run", "--quiet", ref(minimal), "pyhton3").want(127)
		if !first.startedGo() || second.startedGo() {
			t.Errorf("the first started Go: %t, the second: %t", first.startedGo(), second.startedGo())
		}
		for _, r := range []*result{first, second} {
			if !strings.Contains(r.stderr, test.want) {
				t.Errorf("with LANG=%s LC_ALL=%s it says:\n%s", test.lang, test.all, r.stderr)
			}
		}
		end(stays)
		if r := s.run("run", "./none.sqfs", "true").want(125); !strings.Contains(r.stderr, test.missing) {
			t.Errorf("with LANG=%s LC_ALL=%s it says:\n%s", test.lang, test.all, r.stderr)
		}
	}
}
