package vmlease

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"
)

var tokyo = time.FixedZone("JST", 9*60*60)

// list collects leases until the first error.
func list(leases iter.Seq2[Lease, error]) ([]Lease, error) {
	var got []Lease
	for l, err := range leases {
		if err != nil {
			return got, err
		}
		got = append(got, l)
	}
	return got, nil
}

func at2027(month time.Month, d, hour int) time.Time {
	return time.Date(2027, month, d, hour, 0, 0, 0, time.UTC)
}

func TestTable(t *testing.T) {
	want := []Lease{
		{VM: "vm-1", Owner: "u001", Host: "vm-1.example.ac.jp", Ends: at2027(3, 31, 0), Destroyed: at2027(4, 7, 0)},
		{VM: "研究室VM", Owner: "u002"},
	}
	plain := "vm,owner,host,ends,destroyed,note\nvm-1,u001@example.ac.jp,vm-1.example.ac.jp,2027-03-31T09:00:00+09:00,2027/4/7 9:00,\"a, b\"\n\n研究室VM,EXAMPLE\\u002\n"
	japanese, err := japanese.ShiftJIS.NewEncoder().String("VM名,利用者,ホスト,期限,削除日\nvm-1,u001,vm-1.example.ac.jp,2027/3/31 9:00,2027-04-07 09:00:00\n研究室VM,u002,,,\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		text  string
		table Table
	}{
		"plain":     {plain, Table{}},
		"a mark":    {"\uFEFF" + plain, Table{}},
		"Windows":   {strings.ReplaceAll(plain, "\n", "\r\n"), Table{}},
		"Shift_JIS": {japanese, Table{ShiftJIS: true, Fields: map[string]string{"vm": "VM名", "owner": "利用者", "host": "ホスト", "ends": "期限", "destroyed": "削除日"}}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.table.File, tt.table.Zone = filepath.Join(t.TempDir(), "leases.csv"), tokyo
			if err := os.WriteFile(tt.table.File, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := list(tt.table.Leases(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("leases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTableMistakes(t *testing.T) {
	const header = "vm,owner,ends,destroyed\n"
	for name, tt := range map[string]struct{ text, why string }{
		"nothing":           {"", "first line must name"},
		"a column missing":  {"vm,owner,end\n", `no column "ends"`},
		"no time":           {header + "vm-1,u,soon\n", `line 2: "soon" is no time`},
		"a year":            {header + "vm-1,u,0\n", "year 1970"},
		"no VM":             {header + ",u,2027-01-01\n", "line 2: it has no VM"},
		"a quote":           {header + "\"vm-1,u\n", "parse error"},
		"a control":         {header + "vm\x1b[2J,u,2027-01-01\n", "cannot be a name"},
		"a long name":       {header + strings.Repeat("v", 300) + ",u,2027-01-01\n", "cannot be a name"},
		"destroyed earlier": {header + "vm-1,u,2027-01-02,2027-01-01\n", "before it ends"},
		"twice":             {header + "vm-1,u,2027-01-02\nvm-1,v,2027-01-02\n", "is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "leases.csv")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := all(t.Context(), Table{File: file, Zone: tokyo})
			if err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("error is %v", err)
			}
		})
	}
	if _, err := all(t.Context(), Table{File: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := list(Table{Zone: tokyo}.read(&endless{})); !errors.Is(err, errList) {
		t.Errorf("an endless one: %v", err)
	}
}

// endless is a table without an end.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	if !e.begun {
		e.begun = true
		return copy(p, "vm,owner,ends\n"), nil
	}
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2027-03-31":                {},
		"2027-03-31T00:00:00Z":      at2027(3, 31, 0),
		"2027-03-31T09:00:00+09:00": at2027(3, 31, 0),
		"2027-03-31 09:00":          at2027(3, 31, 0),
		"2027年3月31日":                at2027(3, 30, 15),
		"1806451200":                at2027(3, 31, 0),
		"1806451200000":             at2027(3, 31, 0),
	} {
		if want.IsZero() {
			want = at2027(3, 30, 15)
		}
		if got, err := moment(text, tokyo); err != nil || !got.Equal(want) {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "2027-13-01", "-1", "0", "99999999999999999999", "10000-01-01", "1.5"} {
		if got, err := moment(text, tokyo); err == nil {
			t.Errorf("%s is %s", text, got)
		}
	}
}

func TestOwnerID(t *testing.T) {
	for text, want := range map[string]string{"u001": "u001", "\tu001@example.ac.jp\n": "u001", `EXAMPLE\u001`: "u001", `EXAMPLE\u001@x`: "u001", "": "", "@": ""} {
		if got := OwnerID(text); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add("vm,owner,ends\nvm-1,u001,2027-01-01\n", false)
	f.Add("\uFEFFvm,owner,ends,destroyed\n\"a\n\"\"b\",u,1806451200,\n", false)
	f.Add("vm,owner,ends\n\x8c\xa4,u,2027\x94N1\x8c\x8e1\x93\xfa\n", true)
	f.Fuzz(func(t *testing.T, text string, shiftJIS bool) {
		got, _ := list(Table{ShiftJIS: shiftJIS, Zone: tokyo}.read(strings.NewReader(text)))
		for _, l := range got {
			if err := l.check(); err != nil {
				t.Errorf("%+v: %v", l, err)
			}
		}
	})
}

// leasesOf is a source in memory.
type leasesOf []Lease

func (s leasesOf) Leases(context.Context) iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		for _, l := range s {
			if !yield(l, nil) {
				return
			}
		}
	}
}
