package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// notes is a Reporter that writes everything down.
type notes struct{ strings.Builder }

func (n *notes) Fetching(string) (workspace.Progress, func()) { return nil, func() {} }
func (n *notes) Step(s Step) {
	fmt.Fprintf(n, "<%d/%d %d/%d %s>", s.Stage, s.Stages, s.Number, s.Of, s.Text)
}
func (n *notes) Cached() { n.WriteString("<cached>") }

func TestSteps(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		writes []string
		want   string
	}{
		"one stage":       {[]string{"STEP 1/2: FROM a\n", "STEP 2/2: RUN x\n", "out\n"}, "<1/1 1/2 FROM a><1/1 2/2 RUN x>out\n"},
		"stages":          {[]string{"[2/3] STEP 1: FROM a AS b\n", "[2/3] STEP 4/7: COPY a b\n"}, "<2/3 1/0 FROM a AS b><2/3 4/7 COPY a b>"},
		"several lines":   {[]string{"STEP 2/2: RUN <<E\nmore\n"}, "<1/1 2/2 RUN <<E\nmore>"},
		"its own words":   {[]string{"COMMIT localhost/x\n", "[2/2] COMMIT\n", "--> 0123456789ab\n", id + "\n", "Successfully tagged localhost/x:latest\n"}, ""},
		"cached":          {[]string{"--> Using cache " + id + "\n"}, "<cached>"},
		"output":          {[]string{"a STEP 1/1: x\n", "--> zzz\n", "partial", " line\n"}, "a STEP 1/1: x\n--> zzz\npartial line\n"},
		"not whole lines": {[]string{"STEP 1/1: RUN x"}, "STEP 1/1: RUN x"},
	} {
		t.Run(name, func(t *testing.T) {
			var n notes
			s := &steps{report: &n}
			for _, w := range c.writes {
				if written, err := s.Write([]byte(w)); written != len(w) || err != nil {
					t.Fatalf("wrote %d of %d bytes: %v", written, len(w), err)
				}
			}
			if diff := cmp.Diff(c.want, n.String()); diff != "" {
				t.Errorf("reported (-want +got):\n%s", diff)
			}
		})
	}
}
