package screen

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden screens")

// quiet is how long nothing must have been drawn before a new golden screen is taken.
const quiet = 400 * time.Millisecond

// Settle reads until nothing has been drawn for a while.
func (s *Screen) Settle() {
	for {
		s.mu.Lock()
		since := time.Since(s.changed)
		s.mu.Unlock()
		if since > quiet {
			return
		}
		time.Sleep(quiet / 8)
	}
}

// Golden compares the screen with a file, as soon as they are the same; with -update it
// writes the file.
func (s *Screen) Golden(file string) {
	s.t.Helper()
	if *update {
		s.Settle()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(s.Mask(s.Text())), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	s.until(func(screen string) string {
		screen = s.Mask(screen)
		if sameButScrolled(string(want), screen) {
			return ""
		}
		return fmt.Sprintf("%s (-want +got):\n%s", file, cmp.Diff(string(want), screen))
	})
}

// mostScrolled is how many lines a screen may lack at its top, or have more.
const mostScrolled = 6

// sameButScrolled: when something took longer, what was shown meanwhile has scrolled
// lines off the top that are there otherwise.
func sameButScrolled(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	head, same := strings.CutSuffix(a, b)
	return same && strings.Count(head, "\n") <= mostScrolled
}
