package recipe

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func FuzzParse(f *testing.F) {
	f.Add("\n1\tshell\tshell=7\tkind=bash\thome=/root\tat=1.5\tdir=/\t.\n\n1\tstart\tshell=7\tn=1\tat=2\tdir=/\ttext=export A=b\t.\n\n1\tend\tshell=7\tat=3\tstatus=0\tdir=/\t.\n")
	f.Add("\n1\tstart\tshell=7\tn=1\tat=2\tdir=/\ttext=cat <<E\\nx\\nE\t.\n1\tstart\tshell=7\tn=1\tbefore=1\tat=2\tdir=/\ttext=a\\nb\t.\n")
	f.Add("1\tcopy\tpath=/x\tat=9\t.\n1\tend\tshell=1\tstatus=999\t.\nrubbish")
	f.Add("\n1\tstart\tshell=7\tn=1\tat=2\tdir=/\ttext=vim \\\\a; cd -; popd\talias=vim=x\tfunction=conda=/a\t.\n")
	f.Fuzz(func(t *testing.T, record string) {
		r, err := Parse(strings.NewReader(record))
		if err != nil {
			t.Fatal(err)
		}
		built := Build(Session{Name: "x", Base: Base{Pin: Pin{"a/b:1", "sha256:0"}}, Record: r})
		if !strings.Contains(built.Dockerfile, "\nFROM a/b:1@sha256:0\n") {
			t.Errorf("no base in\n%s", built.Dockerfile)
		}
		var out bytes.Buffer
		if err := Redact(&out, strings.NewReader(record)); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(&out); err != nil {
			t.Fatal(err)
		}
	})
}

func TestParts(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"a; b", []string{"a; b"}},
		{"a\nb", []string{"a", "b"}},
		{"a \\\n b\nc", []string{"a \\\n b", "c"}},
		{"cat <<E; echo x\n1\n2\nE\nd", []string{"cat <<E; echo x\n1\n2\nE", "d"}},
		{"if a\nthen b\nfi; c\n# remark\nd", []string{"if a\nthen b\nfi; c\n# remark", "d"}},
		{"echo '", []string{"echo '"}},
	} {
		if diff := cmp.Diff(test.want, parts(test.text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestEventTimes(t *testing.T) {
	for at, want := range map[string]time.Time{
		"12.5": time.Unix(12, 500_000_000), "12": time.Unix(12, 0), "12.000000001": time.Unix(12, 1), "12,5": {}, "": {}, "x": {}, "-1": {}, "12.x": time.Unix(12, 0),
	} {
		if got := (event{fields: [][2]string{{"at", at}}}).time(); !got.Equal(want) {
			t.Errorf("%q is %v", at, got)
		}
	}
}

// TestBeginning: a record is known by its first line, also within another and without its
// secrets.
func TestBeginning(t *testing.T) {
	var first, second, all bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &second} {
		if err := Begin(w); err != nil {
			t.Fatal(err)
		}
		if err := Append(w, Command{Text: "ls", Start: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
		if err := Redact(&all, bytes.NewReader(w.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]bool{all.String(): true, first.String(): false, "": false, "\n1\trecord\tid=": false} {
		id, err := ID(bytes.NewReader(second.Bytes()))
		if err != nil || len(id) < 20 {
			t.Fatalf("the id is %q: %v", id, err)
		}
		if held, err := Holds(strings.NewReader(text), id); err != nil || held != want {
			t.Errorf("held %v, %v by\n%s", held, err, text)
		}
	}
	if id, err := ID(strings.NewReader("\n1\tstart\tid=7\t.\n")); err != nil || id != "" {
		t.Errorf("what was not begun has the id %q, %v", id, err)
	}
}
