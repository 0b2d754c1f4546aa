package provenance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportsAreReadBack(t *testing.T) {
	pin := UseOf(sample(), false)
	pin.Kind, pin.Reason = Pin, "Suzuki 2026, figure 3"
	for name, r := range map[string]Report{"use": UseOf(sample(), false), "with its record": UseOf(sample(), true), "pin": pin} {
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseReport(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReportsThatAreNone(t *testing.T) {
	for name, change := range map[string]func(*Report){
		"another's record":     func(r *Report) { r.Record.UID++ },
		"a record of another":  func(r *Report) { r.Record.Image.Digest = r.Record.Image.Layers[0] },
		"no digest":            func(r *Report) { r.Digest = "" },
		"no digest either":     func(r *Report) { r.Resolved = "sha256:../../x" },
		"a kind of its own":    func(r *Report) { r.Kind = "delete" },
		"no reason":            func(r *Report) { r.Kind, r.Record = Pin, nil },
		"too much of a reason": func(r *Report) { r.Kind, r.Record, r.Reason = Pin, nil, strings.Repeat("x", MostReason+1) },
		"a pin with a record":  func(r *Report) { r.Kind, r.Reason = Pin, "x" },
	} {
		r := UseOf(sample(), true)
		change(&r)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseReport(b); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	for _, with := range []bool{true, false} {
		b, err := UseOf(sample(), with).Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"version":1,"kind":"pin","time":"2026-11-28T00:00:00Z","reference":"x","digest":"sha256:x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseReport(again); err != nil {
			t.Errorf("%q is read, but not what is written of it: %v", b, err)
		}
	})
}
