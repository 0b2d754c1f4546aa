package manual

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCalls(t *testing.T) {
	for shell, want := range map[string][][]string{
		"p a 'b c' \"d\"\"e\" # it's p\np": {{"a", "b c", "de"}, {}},
		"cd x && p a | p b; p c >d":        {{"a"}, {"b"}, {"c"}},
		"sudo -u p p a":                    {{"a"}},
		"p a \\\n  b":                      {{"a", "b"}},
		"x#p a '' p":                       {{}},
		"q":                                nil,
	} {
		got, err := Calls("p", shell)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", shell, err, diff)
		}
	}
	if _, err := Calls("p", "p 'a"); err == nil {
		t.Error("an open quote is not told")
	}
}
