package image

import (
	"testing"
	"time"

	"github.com/jrun-hpc/jrun/fault"
)

// TestNotesKeepTexts: what another process has noted is said in the language of the one
// that reads it.
func TestNotesKeepTexts(t *testing.T) {
	st := openStore(t)
	state := func() string { return "" }
	remember(st, failedNote, "x", time.Minute, state, fault.Newf(down(&StatusError{Status: 502}), fault.Say("log in first: %s", "jrun login h"), "%s wants a login", "h"))
	err := recall(st, failedNote, "x", state)
	f := wantFault(t, err)
	said := map[string]bool{}
	other := fault.Language{Words: func(english string) string { said[english] = true; return english }}
	if got, want := other.Say(f.Said()), "h wants a login"; got != want {
		t.Errorf("it says %q", got)
	}
	other.Say(f.Advice())
	other.Cause(f.Why)
	for _, format := range []string{"%s wants a login", "log in first: %s", "it answered %d %s"} {
		if !said[format] {
			t.Errorf("the words for %q were not asked for", format)
		}
	}
	if !unreachable(err) || f.What != "h wants a login" || f.Next != "log in first: jrun login h" {
		t.Errorf("it is another error: %#v", f)
	}
}
