package message

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jrun-hpc/jrun/fault"
)

func TestLanguages(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"ja_JP.UTF-8", "ja"}, {"ja", "ja"}, {"ja_JP.eucJP@x", "ja"}, {"en_US.UTF-8", "en"},
		{"C", "en"}, {"C.UTF-8", "en"}, {"jam", "en"}, {"", "en"}, {"fr_FR", "en"},
	} {
		if p := Detect(func(string) string { return test.value }); p.Language() != test.want {
			t.Errorf("LANG=%s is %s, not %s", test.value, p.Language(), test.want)
		}
	}
	env := map[string]string{"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}
	if p := Detect(func(name string) string { return env[name] }); p.Language() != "en" {
		t.Errorf("LC_ALL=C does not win over LANG")
	}
	if _, ok := For("fr"); ok {
		t.Error("French is not in the catalogue")
	}
}

func TestSizes(t *testing.T) {
	for _, test := range []struct {
		bytes int64
		want  string
	}{{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {12345, "12.3 kB"}, {123456, "123 kB"}, {999_999, "1.0 MB"}, {7_500_000_000, "7.5 GB"}, {99_400, "99.4 kB"}} {
		if got := (Text{args: []any{Bytes(test.bytes)}}).String(); got != test.want {
			t.Errorf("%d bytes are written %q, not %q", test.bytes, got, test.want)
		}
	}
}

func TestTimes(t *testing.T) {
	moment := time.Date(2026, 4, 1, 9, 5, 0, 0, time.Local)
	if got := (Text{args: []any{Time(moment)}}).String(); got != "2026-04-01 09:05" {
		t.Errorf("the time is written %q", got)
	}
	if got := (Text{args: []any{Date(moment)}}).String(); got != "2026-04-01" {
		t.Errorf("the date is written %q", got)
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("permission denied")
	err := Fail(Plain("cannot open x"), cause, Plain("jbuild list"))
	if got, want := english.Format("jbuild", err), "jbuild: cannot open x\n  why:  permission denied\n  next: jbuild list\n"; got != want {
		t.Errorf("in English:\n%s", got)
	}
	japanese, _ := For("ja")
	if got, want := japanese.Format("jbuild", err), "jbuild: cannot open x\n  理由: permission denied\n  次に: jbuild list\n"; got != want {
		t.Errorf("in Japanese:\n%s", got)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if err.Error() != "cannot open x: permission denied" {
		t.Errorf("for logs: %v", err)
	}
}

// TestMistakes: a catalogue that is wrong is noticed.
func TestMistakes(t *testing.T) {
	for name, text := range map[string]string{
		"a language that we do not have": "[a]\nfr = 'x'\n",
		"no text":                        "[a]\nen = 1\n",
		"no table":                       "[a\n",
	} {
		if _, err := load(fstest.MapFS{"catalogue/a.toml": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
	both := fstest.MapFS{"catalogue/a.toml": {Data: []byte("[a]\nen='x'\n")}, "catalogue/b.toml": {Data: []byte("[a]\nen='x'\n")}}
	if _, err := load(both); err == nil {
		t.Error("a name in two files is not noticed")
	}
}

func TestCausesOfTheSystem(t *testing.T) {
	japanese, _ := For("ja")
	_, missing := os.Open("/nonexistent/file")
	for _, test := range []struct {
		name   string
		err    error
		en, ja string
	}{
		{"a path", missing, "open /nonexistent/file: no such file or directory", "そのようなファイルやディレクトリはありません (open /nonexistent/file: no such file or directory)"},
		{"wrapped", fmt.Errorf("writing: %w", syscall.ENOSPC), "writing: no space left on device", "ディスクの空きがありません (writing: no space left on device)"},
		{"a name", &net.DNSError{Err: "no such host", Name: "h.example"}, "lookup h.example: no such host", "h.example というホストが見つからないか、ネットワークにつながっていません (lookup h.example: no such host)"},
		{"another", syscall.ENOEXEC, "exec format error", "exec format error"},
		{"not the system's", errors.New("x"), "x", "x"},
	} {
		if got := english.Cause(test.err); got != test.en {
			t.Errorf("%s in English: %s", test.name, got)
		}
		if got := japanese.Cause(test.err); got != test.ja {
			t.Errorf("%s in Japanese: %s", test.name, got)
		}
	}
	found := fault.Newf(errors.New("x"), "try again", "the registry %s is not working", "h.example")
	if got, want := japanese.Cause(Fail(Plain("w"), found)), "w: レジストリ h.example が動いていません: x"; got != want {
		t.Errorf("a fault as a cause:\n%s", got)
	}
	advice := fault.New("cannot do it", nil, "type this")
	if got, want := japanese.Format("jbuild", advice), "jbuild: cannot do it\n  次に: type this\n"; got != want {
		t.Errorf("a fault of jrun's packages:\n%s", got)
	}
}
