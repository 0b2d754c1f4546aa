package flow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// TestSequence: back is the step before that asked.
func TestSequence(t *testing.T) {
	failed := errors.New("failed")
	for name, test := range map[string]struct {
		answers map[int][]error // of each step, by visit; nil when they are used up
		want    []int
		err     error
	}{
		"straight":                 {nil, []int{0, 1, 2}, nil},
		"back":                     {map[int][]error{1: {ErrBack}}, []int{0, 1, 0, 1, 2}, nil},
		"back over a silent step":  {map[int][]error{1: {errNothingAsked, errNothingAsked, errNothingAsked}, 2: {ErrBack}}, []int{0, 1, 2, 1, 0, 1, 2}, nil},
		"back at the first":        {map[int][]error{0: {ErrBack}}, []int{0}, ErrBack},
		"back to a silent first":   {map[int][]error{0: {errNothingAsked, errNothingAsked}, 1: {ErrBack}}, []int{0, 1, 0}, ErrBack},
		"a failure":                {map[int][]error{1: {failed}}, []int{0, 1}, failed},
		"a silent step at the end": {map[int][]error{2: {errNothingAsked}}, []int{0, 1, 2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var visits []int
			count := map[int]int{}
			one := func(n int) step {
				return func(context.Context) error {
					visits = append(visits, n)
					defer func() { count[n]++ }()
					if count[n] < len(test.answers[n]) {
						return test.answers[n][count[n]]
					}
					return nil
				}
			}
			if err := sequence(t.Context(), one(0), one(1), one(2)); !errors.Is(err, test.err) {
				t.Errorf("%v, not %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, visits); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProposeWorkspaceName(t *testing.T) {
	for _, test := range []struct {
		base, want string
		taken      string
	}{
		{"harbor.example.ac.jp/shared/python:3.13", "my-python", ""},
		{"python", "my-python", ""},
		{"localhost:5000/python@sha256:00", "my-python-3", "my-python my-python-2"},
		{"x/Odd_", "my-image", ""},
		{"x/" + strings.Repeat("a", 60), "my-image", ""},
	} {
		taken := map[string]bool{}
		for _, name := range strings.Fields(test.taken) {
			taken[name] = true
		}
		got := proposeWorkspaceName(test.base, taken)
		if got != test.want || !checkWorkspaceName(got, taken).Empty() {
			t.Errorf("of %s: %s, not %s", test.base, got, test.want)
		}
	}
}

func TestProposeTag(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct{ there, want string }{
		{"", "2026-11-29"},
		{"3 2 1", "4"},
		{"3 5 4", "6"},
		{"latest 3", "2026-11-29"},
		{"2026-11-29", "2026-11-29.2"},
		{"x 2026-11-29 2026-11-29.2", "2026-11-29.3"},
		{"20261128", "2026-11-29"},
		{"-1", "2026-11-29"},
	} {
		var tags []Tag
		for _, name := range strings.Fields(test.there) {
			tags = append(tags, Tag{Name: name})
		}
		if got := proposeTag(tags, now); got != test.want || !tagForm().MatchString(got) {
			t.Errorf("after %q: %s, not %s", test.there, got, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"cfd": true, "my-cfd": true, "a.b_c": true, "a__b": true, "0": true,
		"": false, "A": false, "a b": false, "-a": false, "a-": false, "a..b": false, "日本": false, "a/b": false, "../x": false,
		strings.Repeat("a", 41): false,
	} {
		if got := checkWorkspaceName(name, nil).Empty(); got != good {
			t.Errorf("%q can be a workspace's name: %v", name, got)
		}
	}
	for name, good := range map[string]bool{
		"docker.io/library/python:3.12": true, "python": true, "localhost:5000/a/b@sha256:" + strings.Repeat("0", 64): true,
		"": false, "a:b:c": false, "A/b": false, "a b": false, "https://x/y": false, "a@sha256:00": false,
	} {
		if got := referenceForm().MatchString(name); got != good {
			t.Errorf("%q can be a base: %v", name, got)
		}
	}
}

// TestMeter: a rate needs time, what was there already is not counted, and a standstill
// has no end.
func TestMeter(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	m := &meter{now: func() time.Time { return now }}
	const all, there = 100e6, 40e6
	m.progress(Transfer{Done: there, All: all, There: there})
	now = now.Add(time.Second)
	if p := m.progress(Transfer{Done: there + 10e6, All: all, There: there}); p.Rate != 0 || p.Left != 0 {
		t.Errorf("after a second: %+v", p)
	}
	now = now.Add(4 * time.Second)
	if p := m.progress(Transfer{Done: there + 10e6, All: all, There: there}); p.Rate != 2e6 || p.Left != 25*time.Second {
		t.Errorf("after five: %+v", p)
	}
	if p := m.progress(Transfer{Done: all, All: all, There: there}); p.Left != 0 {
		t.Errorf("at the end: %+v", p)
	}
	if p := m.progress(Transfer{Done: there, All: all, There: there}); p.Rate != 0 {
		t.Errorf("begun again: %+v", p)
	}
}

func TestFirstLine(t *testing.T) {
	for text, want := range map[string]string{"": "", "# Title\n\nmore": "Title", "\n\n  x \n": "x", "one": "one"} {
		if got := firstLine(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// TestFailureNotices: what each error becomes has a title in every language.
func TestFailureNotices(t *testing.T) {
	seen := map[string]error{}
	for _, err := range []error{ErrInterrupted, ErrWrongLogin, ErrForbidden, ErrNoSpace, ErrImmutable, ErrUnreachable, errors.New("EOF"), message.Fail(message.Plain("the disk is full"), errors.New("no space"))} {
		n := sendFailure(fmt.Errorf("uploading: %w", err))
		if n.Title.Empty() || n.Title.String() == "" {
			t.Errorf("%v has no title", err)
		}
		if other, twice := seen[n.Title.String()]; twice {
			t.Errorf("%v and %v are both %q", err, other, n.Title)
		}
		seen[n.Title.String()] = err
	}
}

// TestEveryQuestionHasACommand: what is asked can be answered without asking.
func TestEveryQuestionHasACommand(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`Asked\{ID: "([a-z-]+)".*`)
	flag := regexp.MustCompile(`Flag: +("jbuild [a-z-]+|flag\})`)
	questions := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			questions[m[1]] = true
			if !flag.MatchString(m[0]) {
				t.Errorf("%s: the question %s names no command", file, m[1])
			}
		}
	}
	if len(questions) < 18 {
		t.Errorf("only %d questions were found: %v", len(questions), questions)
	}
}

// TestScanned: what a scanner says stands beside an image, in a tone that fits.
func TestScanned(t *testing.T) {
	for _, test := range []struct {
		scan *Scan
		kind Kind
	}{
		{nil, ""}, {&Scan{Severity: "None"}, Success}, {&Scan{Severity: "Low", Total: 2}, Info}, {&Scan{Severity: "Critical", Total: 2, Fixable: 1}, Warning},
	} {
		c := (&Session{Registry: hostOnly{}}).baseChoice("own", []Image{{Repository: "h/a/b", Scan: test.scan}})
		if got := c.Rows[0].Badge; got.Kind != test.kind || got.Text.Empty() != (test.scan == nil) {
			t.Errorf("%+v: %+v", test.scan, got)
		}
	}
	ja, _ := message.For("ja")
	for harbors, want := range map[string]string{"High": "高", "Low": "低", "": "不明", "Dreadful": "Dreadful"} {
		if got := ja.Text(severity(harbors)); got != want {
			t.Errorf("%q is called %q", harbors, got)
		}
	}
}

// hostOnly is a registry that has a name.
type hostOnly struct{ Registry }

func (hostOnly) Host() string { return "h" }
