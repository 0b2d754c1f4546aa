package vmlease

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDocument(t *testing.T) {
	const text = `{"data":{"vms":[
		{"name":"vm-1","user":{"account":"u001@example.ac.jp"},"net":{"fqdn":"vm-1.example.ac.jp"},"expire":1806451200000,"x":[1]},
		{"name":"vm-2","user":null,"expire":"2027-03-31 09:00"}
	]}}`
	d := Document{
		File:  filepath.Join(t.TempDir(), "vms.json"),
		Items: "data.vms", Zone: tokyo,
		Fields: map[string]string{"vm": "name", "owner": "user.account", "host": "net.fqdn", "ends": "expire"},
	}
	if err := os.WriteFile(d.File, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []Lease{
		{VM: "vm-1", Owner: "u001", Host: "vm-1.example.ac.jp", Ends: at2027(3, 31, 0)},
		{VM: "vm-2", Ends: at2027(3, 31, 0)},
	}
	got, err := list(d.Leases(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("from a file (-want +got):\n%s", diff)
	}
	tries := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.Header.Get("Authorization") != "Bearer geheim" {
			t.Errorf("asked with %v", r.Header)
		}
		_, _ = io.WriteString(w, text)
	}))
	defer s.Close()
	d.File, d.URL, d.web = "", s.URL, newWeb(s.Client(), "geheim")
	d.web.pause = time.Millisecond
	got, err = list(d.Leases(t.Context()))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("from an address: %v (-want +got):\n%s", err, diff)
	}
}

func TestDocumentMistakes(t *testing.T) {
	for name, tt := range map[string]struct{ text, why string }{
		"no JSON":      {"[", "unexpected EOF"},
		"two":          {"[] []", "something behind"},
		"no list":      {`{"vms":[]}`, "no list"},
		"no objects":   {"[1]", "item 1: it has no VM"},
		"no time":      {`[{"vm":"a"},{"vm":"b","ends":"x"}]`, `item 2: "x" is no time`},
		"a wrong kind": {`[{"vm":["a"]}]`, "no VM"},
		"a big number": {`[{"vm":"a","ends":1e99}]`, "is no time"},
	} {
		if _, err := list(Document{Zone: tokyo}.parse([]byte(tt.text))); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`[{"vm":"a","owner":"u","ends":"2027-01-01"}]`), "")
	f.Add([]byte(`{"a":{"b":[{"vm":1,"ends":1806451200}]}}`), "a.b")
	f.Fuzz(func(t *testing.T, text []byte, items string) {
		got, _ := list(Document{Items: items, Zone: tokyo}.parse(text))
		for _, l := range got {
			if err := l.check(); err != nil {
				t.Errorf("%+v: %v", l, err)
			}
		}
	})
}
