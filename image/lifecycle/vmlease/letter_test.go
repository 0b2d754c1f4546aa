package vmlease

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/image/lifecycle/people"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render writes a letter as package notice does: the first line is a template of its
// own, over To, Site, Data and Lang.
func render(t testing.TB, l Letter, lang string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "notice", "catalogue", l.Kind+"."+lang+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(first, "Subject: ") || !strings.HasPrefix(rest, "\n") {
		t.Fatalf("the text of %s in %s begins with %q", l.Kind, lang, first)
	}
	var out bytes.Buffer
	for _, part := range []string{first + "\n", rest} {
		tmpl, err := template.New(l.Kind).Option("missingkey=error").Parse(part)
		if err != nil {
			t.Fatal(err)
		}
		data := map[string]any{"To": l.To, "Data": l.Data, "Lang": lang, "Site": map[string]string{"Name": "Example HPC", "Registry": "harbor.example.ac.jp"}}
		if err := tmpl.Execute(&out, data); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestLetters(t *testing.T) {
	lost := []LostLine{
		{Host: "vm-1", Name: "cfd", Base: "h/jaist/ubuntu:24.04", Size: "1.1 GB", Used: "2027-03-01", Pushed: "h/u001/cfd:1"},
		{Host: "vm-1", Name: "r", Size: "12 MB"},
	}
	const ends, destroyed = "2027-03-31 18:00 JST", "2027-04-03 18:00 JST"
	to := people.Person{ID: "u001", Name: "鈴木 一郎"}
	for name, l := range map[string]Letter{
		"lost":      {Kind: KindLost, To: to, Data: Notice{VM: "vm-1", Owner: "u001", Mine: true, Ends: ends, DaysLeft: 7, Destroyed: destroyed, Reported: true, Lost: lost}},
		"last-day":  {Kind: KindLost, To: to, Data: Notice{VM: "vm-1", Owner: "u009", Ends: ends, Reported: true, Lost: lost[1:]}},
		"ended":     {Kind: KindLost, To: to, Data: Notice{VM: "vm-1", Owner: "u001", Mine: true, Ends: ends, Ended: true, Destroyed: destroyed, Reported: true, Lost: lost[1:]}},
		"elsewhere": {Kind: KindLost, To: to, Data: Notice{VM: "vm-1", Owner: "u001", Mine: true, Ends: ends, DaysLeft: 2, Elsewhere: true, Reported: true, Lost: lost[1:]}},
		"uploaded":  {Kind: KindReminder, To: to, Data: Notice{VM: "vm-1", Owner: "u001", Mine: true, Ends: ends, DaysLeft: 14, Destroyed: destroyed, Reported: true}},
		"unknown":   {Kind: KindReminder, To: to, Data: Notice{VM: "vm-1", Owner: "u009", Ends: ends, DaysLeft: 14}},
	} {
		for _, lang := range []string{"en", "ja"} {
			got := render(t, l, lang)
			golden := filepath.Join("testdata", name+"."+lang+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		}
	}
}
