package shellword

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/jrun-hpc/jrun/printable"
)

var words = []string{"plain", "", "a b", "a  b", "it's", "$HOME", "`x`", "a\nb\t\\'", "\x1b[31m\x7f", "日本", "山田\u3000太郎", "\xff", "*", "-x", "~", "a\u202eb", "a\u2066b", "#", "!x", "a=b", "^", "a;b", "(", "{a,b}", "\\"}

// TestReadBack lets shells read words back.
func TestReadBack(t *testing.T) {
	for shell, write := range map[string]func(string) string{"bash": Show, "sh": Quote} {
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("there is no %s", shell)
			continue
		}
		for _, word := range words {
			out, err := exec.CommandContext(t.Context(), program, "-c", "printf %s "+write(word)).Output()
			if err != nil || string(out) != word {
				t.Errorf("%q was written as %s and read by %s as %q, %v", word, write(word), shell, out, err)
			}
		}
	}
}

func TestShown(t *testing.T) {
	if line := ShowLine(words); !printable.Is(line) {
		t.Errorf("it commands a terminal: %q", line)
	}
	if got, want := ShowLine([]string{"python3", "-c", "print(1)", "--lr=0.1", "a'b"}), `python3 -c 'print(1)' --lr=0.1 'a'\''b'`; got != want {
		t.Errorf("it is %s", got)
	}
}

func FuzzShow(f *testing.F) {
	for _, word := range words {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if shown := Show(word); !printable.Is(shown) || isPlain(word) != (shown == word) || strings.Contains(Show(shown), "\n") {
			t.Errorf("%q is shown as %q", word, shown)
		}
	})
}
