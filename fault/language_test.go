package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shouting is a language for tests: a few words, in capitals.
var shouting = Language{
	Words: func(english string) string {
		switch english {
		case "why: ", "next:", "no %s in %s", "try %q", "and wait", "it took %d s: %w", "gone", "still there":
			words := strings.ToUpper(english)
			for _, verb := range []string{"%s", "%q", "%d", "%w"} {
				words = strings.ReplaceAll(words, strings.ToUpper(verb), verb)
			}
			return words
		case "%s by %s":
			return "%[2]s MADE %[1]s"
		}
		return english
	},
	System: func(err error) Text {
		if errors.Is(err, fs.ErrNotExist) {
			return Say("gone")
		}
		return nil
	},
}

// errSentinel is one of a package that does not know this one.
var errSentinel = errors.New("still there")

func TestLanguage(t *testing.T) {
	inner := Newf(Because("it took %d s: %w", 3, errSentinel), Say("try %q", "a").And("and wait"), "no %s in %s", "x", "y")
	if got, want := inner.Next, "try \"a\"\nand wait"; got != want {
		t.Errorf("advice in English is %q", got)
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"all":                  {inner, "p: NO x IN y\n  WHY:  IT TOOK 3 S: STILL THERE\n  NEXT: TRY \"a\"\n  NEXT: AND WAIT\n"},
		"advice with a string": {New("no such", nil, "and wait\nor not"), "p: no such\n  NEXT: AND WAIT\n  NEXT: or not\n"},
		"another order":        {Newf(nil, "", "%s by %s", "a", "b"), "p: b MADE a\n"},
		"a text in a text":     {Newf(nil, "", "no %s in %s", Say("try %q", "a"), inner), "p: NO TRY \"a\" IN NO x IN y: IT TOOK 3 S: STILL THERE\n"},
		"a wrapped cause":      {New("w", fmt.Errorf("reading y: %w", Because("it took %d s: %w", 3, syscall.EIO)), ""), "p: w\n  WHY:  reading y: IT TOOK 3 S: input/output error\n"},
		"two wrapped causes":   {fmt.Errorf("%w, %w", errSentinel, errSentinel), "p: STILL THERE, STILL THERE\n"},
		"the system's":         {New("w", fmt.Errorf("opening y: %w", syscall.ENOENT), ""), "p: w\n  WHY:  GONE (opening y: no such file or directory)\n"},
		"others'":              {errors.New("whatever"), "p: whatever\n"},
		"changed by hand":      {&Error{What: "still there", Next: "and wait"}, "p: STILL THERE\n  NEXT: AND WAIT\n"},
		"other advice":         {inner.Advise(Say("and wait").Then(inner.Advice())), "p: NO x IN y\n  WHY:  IT TOOK 3 S: STILL THERE\n  NEXT: AND WAIT\n  NEXT: TRY \"a\"\n  NEXT: AND WAIT\n"},
		"a percent sign":       {New("100% of it", nil, "50%d"), "p: 100% of it\n  NEXT: 50%d\n"},
	} {
		if diff := cmp.Diff(test.want, shouting.Format("p", test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if !errors.Is(inner, errSentinel) {
		t.Error("what a cause wraps is lost")
	}
	if got, want := inner.Error(), "no x in y: it took 3 s: still there"; got != want {
		t.Errorf("in English it is %q", got)
	}
}

// TestTextsTravel: a text that another process has written is said as if it were ours.
func TestTextsTravel(t *testing.T) {
	marked := marker{Because("it took %d s: %w", 3, errSentinel)}
	texts := map[string]Text{
		"arguments": Say("no %s in %s", "x", stringer("y")).And("and wait"),
		"an error":  Say("no %s in %s", "x", Newf(marked, "", "try %q", "a")),
		"a number":  TextOf(Because("it took %d s: %w", -3, errSentinel)),
		"nothing":   nil,
		"others'":   TextOf(errors.New("100%")),
	}
	for name, text := range texts {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var read Text
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, l := range []Language{English, shouting} {
			if diff := cmp.Diff(l.Say(text), l.Say(read)); diff != "" {
				t.Errorf("%s, written as %s (-want +got):\n%s", name, b, diff)
			}
		}
	}
	for _, bad := range []string{`"a"`, `[["a",{"b":1}]]x`, `[[1]]`, `[["a",1.5]]`, `{}`} {
		var text Text
		if err := json.Unmarshal([]byte(bad), &text); err == nil {
			t.Errorf("%s is read as %q", bad, text)
		}
	}
}

type marker struct{ cause error }

func (m marker) Error() string { return m.cause.Error() }
func (m marker) Unwrap() error { return m.cause }

type stringer string

func (s stringer) String() string { return string(s) }
