package people_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
	"github.com/jrun-hpc/jrun/image/lifecycle/settings"
)

func TestParseCSV(t *testing.T) {
	japan := time.FixedZone("JST", 9*3600)
	got, err := people.ParseCSV(strings.NewReader("\ufeffID, name ,groups,expires,disabled\r\n"+
		"20260001,山田 花子,cfd; students ;;cfd,2028-03-31,\r\n\"u\",\"二\n行\",,2028-03-31T12:00:00Z,yes\r\n"), japan)
	check(t, err)
	want := []people.Person{
		{ID: "20260001", Name: "山田 花子", UID: -1, GID: -1, Groups: []string{"cfd", "students"}, Expires: time.Date(2028, 4, 1, 0, 0, 0, 0, japan)},
		{ID: "u", Name: "二 行", UID: -1, GID: -1, Disabled: true, Expires: time.Date(2028, 3, 31, 12, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMistakesInCSV(t *testing.T) {
	for name, tt := range map[string]struct{ text, words string }{
		"nothing":       {"", "it is empty"},
		"no id":         {"name\nx\n", "the column id is missing"},
		"a column":      {"id,expire\nx,\n", `line 1: there is no column "expire"`},
		"a column, too": {"id,id\nx,\n", "line 1: the column id is there twice"},
		"fields":        {"id,name\na,b\nc\n", "line 3 has 1 fields, and the first line 2"},
		"a quote":       {"id\n\"x\n", `parse error`},
		"twice":         {"id\na\nb\nA\n", "line 4: A is on line 2 already"},
		"empty":         {"id,name\n,x\n", `line 2: the id is ""`},
		"control":       {"id\na\x1b[31m\n", `line 2: the id is "a\x1b[31m"`},
		"mail":          {"id,mail\na,b\n", `line 2: mail is "b", which is no address`},
		"language":      {"id,language\na,de\n", `line 2: language is "de"`},
		"uid":           {"id,uid\na,-5\n", `line 2: uid is "-5"`},
		"disabled":      {"id,disabled\na,maybe\n", `line 2: disabled is "maybe"`},
		"expires":       {"id,expires\na,2028/03/31\n", `line 2: expires is "2028/03/31"`},
		"Shift_JIS":     {"id,name\na,\x8e\x52\x93\x63\n", "line 2: it is not in UTF-8"},
		"many lines":    {"id,name\n\"a\",\"x\ny\nz\"\nb,x,y\n", "line 5 has 3 fields"},
		"several":       {"id,uid\na,x\nb,y\n", "line 3: uid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := people.ParseCSV(strings.NewReader(tt.text), time.UTC)
			if err == nil || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// TestFileChanges: the file is read again; one that is gone or empty does not make
// everybody unknown.
func TestFileChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "people.csv")
	d, err := people.Open(&settings.People{CSV: file})
	check(t, err)
	ask := func(id string) error {
		_, err := d.Person(t.Context(), id)
		return err
	}
	cannotSay(t, "without the file", ask("a"), file)
	write := func(text string) {
		t.Helper()
		check(t, os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file))
	}
	write("id\na\n")
	check(t, ask("a"))
	write("id\nb\n")
	if err := ask("a"); !errors.Is(err, people.ErrUnknown) {
		t.Errorf("after the change: %v", err)
	}
	check(t, ask("B"))
	write("id\n")
	cannotSay(t, "an empty file", ask("a"), "nobody in it")
	_, err = harbor.All(d.People(t.Context()))
	cannotSay(t, "all of an empty file", err, "nobody in it")
	write("id\nb\nb\n")
	cannotSay(t, "a wrong file", ask("b"), "line 3")
}

func TestOpen(t *testing.T) {
	_, err := people.Open(&settings.People{})
	var f *fault.Error
	if !errors.As(err, &f) || f.Next == "" {
		t.Errorf("without a directory: %v", err)
	}
}

func FuzzParseCSV(f *testing.F) {
	for _, text := range []string{"id\na\n", "\ufeffid,name\n20260001,山田\n", "id,groups,expires\na,\"x;y\",2028-03-31\n", "id,id\n", "id\n\"", "", "id,uid,gid,disabled\na,1,2,yes\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := people.ParseCSV(strings.NewReader(string(text)), time.UTC)
		if err != nil && all != nil {
			t.Fatal("people in spite of an error")
		}
		seen := map[string]bool{}
		for _, p := range all {
			id := strings.ToLower(p.ID)
			if p.ID == "" || strings.ContainsAny(p.ID+p.Name+p.Mail, "\r\n\x00\x1b") || seen[id] || p.UID < -1 || p.GID < -1 {
				t.Fatalf("%+v", p)
			}
			seen[id] = true
		}
	})
}
