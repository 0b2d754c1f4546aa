package language

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jrun-hpc/jrun/fault"
)

func TestOf(t *testing.T) {
	failed := fault.New("try again", nil, "try again")
	for _, test := range []struct {
		env      string
		japanese bool
	}{
		{"", false}, {"LANG=ja_JP.UTF-8", true}, {"LANG=ja", true}, {"LANG=ja_JP.eucJP@x", true}, {"LANG=ja-JP", true},
		{"LANG=en_US.UTF-8", false}, {"LANG=C", false}, {"LANG=jam_JM", false},
		{"LC_ALL=C LANG=ja_JP.UTF-8", false}, {"LC_ALL= LANG=ja_JP.UTF-8", true}, {"LC_MESSAGES=ja_JP.UTF-8 LANG=C", true},
		{"LC_ALL=ja_JP.UTF-8 LC_MESSAGES=C LANG=C", true}, {"LC_CTYPE=ja_JP.UTF-8", false},
		{"PBS_O_LANG=ja_JP.UTF-8", true}, {"LANG=C PBS_O_LANG=ja_JP.UTF-8", false},
	} {
		getenv := func(name string) string {
			for _, pair := range strings.Fields(test.env) {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		}
		want := "jrun: try again\n  next: try again\n"
		if test.japanese {
			want = "jrun: もう一度試してください\n  次に: もう一度試してください\n"
		}
		if got := Of(getenv).Format("jrun", failed); got != want {
			t.Errorf("with %q it says %q", test.env, got)
		}
		if got := StageWords(Locale(getenv)) != nil; got != test.japanese {
			t.Errorf("with %q the stages' words are Japanese: %t", test.env, got)
		}
	}
}

func TestSystem(t *testing.T) {
	_, missing := os.Open("/nonexistent/file")
	for _, test := range []struct {
		err  error
		want string
	}{
		{missing, "そのようなファイルやディレクトリはありません (open /nonexistent/file: no such file or directory)"},
		{fmt.Errorf("writing: %w", syscall.ENOSPC), "ディスクの空きがありません (writing: no space left on device)"},
		{&net.DNSError{Err: "no such host", Name: "h.example"}, "h.example というホストが見つからないか、ネットワークにつながっていません (lookup h.example: no such host)"},
		{syscall.ENOEXEC, "exec format error"},
		{errors.New("x"), "x"},
	} {
		if got := Japanese.Cause(test.err); got != test.want {
			t.Errorf("%v is said %q", test.err, got)
		}
	}
}

// TestParse: the parser keeps to what is written.
func TestParse(t *testing.T) {
	got := parse("# comment\nmsgid \"\"\nmsgstr \"header\"\n\nmsgid \"a \"\n\"\\\"b\\\"\"\nmsgstr \"c\"\n\nmsgid \"d\"\nmsgstr \"e\"")
	want := []entry{{`a "b"`, "c"}, {"d", "e"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("parsed as %q", got)
	}
}

// BenchmarkFirstText is what the first Japanese text costs.
func BenchmarkFirstText(b *testing.B) {
	for b.Loop() {
		parse(japanese)
	}
}

// BenchmarkStageWords is what every start in Japanese costs.
func BenchmarkStageWords(b *testing.B) {
	for b.Loop() {
		StageWords("ja")
	}
}
