package dockerfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jrun-hpc/jrun/vmtemplate/message"
)

// failedRun is the error of a program that ended so.
func failedRun(t *testing.T, script string) error {
	t.Helper()
	err := exec.Command("/bin/sh", "-c", script).Run()
	if err == nil {
		t.Fatalf("%q succeeded", script)
	}
	return err
}

func TestExplain(t *testing.T) {
	const text = "FROM a\nRUN make \\\n  install\nCOPY x /\nRUN --mount=source=x,target=/x true\n"
	id := strings.Repeat("ab", 32)
	at := func(n int, err error) error { return fmt.Errorf("building at STEP \"%d\": %w", n, err) }
	for name, c := range map[string]struct {
		step  Step
		err   error
		fault string
		want  string
		next  string // name of the text
		code  int
	}{
		"a RUN that failed": {
			step: Step{Stage: 1, Stages: 1, Number: 2, Of: 4}, err: at(2, failedRun(t, "exit 3")),
			want: "Dockerfile, line 2: RUN make   install: ended with exit status 3", next: "dockerfile.ended.next", code: 3,
		},
		"a program that is missing": {
			step: Step{Stage: 1, Stages: 1, Number: 2, Of: 4}, err: at(2, failedRun(t, "exit 127")),
			want: "Dockerfile, line 2: RUN make   install: ended with exit status 127", next: "dockerfile.ended.127", code: 127,
		},
		"a RUN that was killed": {
			step: Step{Stage: 1, Stages: 1, Number: 2, Of: 4}, err: at(2, failedRun(t, "kill -9 $$")),
			want: "Dockerfile, line 2: RUN make   install: ended with exit status 137", next: "dockerfile.ended.137", code: 137,
		},
		"a RUN that was not run": {
			step: Step{Stage: 1, Stages: 1, Number: 2, Of: 4}, err: at(2, failedRun(t, "exit 125")), fault: "no /proc",
			want: "Dockerfile, line 2: RUN make   install: the program could not be started: no /proc", next: "dockerfile.not-run.next", code: 125,
		},
		"another user's file": {
			step: Step{Stage: 1, Stages: 1, Number: 4, Of: 4},
			err:  at(4, fmt.Errorf("resolving mountpoints for container %q: opening \"/tmp/buildah-context-1/overlay/2/merge/x\": %w", id, fs.ErrPermission)),
			want: `Dockerfile, line 5: RUN --mount=source=x,target=/x true: opening "/the/context/x": permission denied`, next: "dockerfile.failed.others-file", code: 125,
		},
		"a file that is missing": {
			step: Step{Stage: 1, Stages: 1, Number: 3, Of: 4}, err: at(3, errors.New("copier: no such file")),
			want: "Dockerfile, line 4: COPY x /: copier: no such file", next: "dockerfile.failed.source", code: 125,
		},
		"a file that cannot be read": {
			step: Step{Stage: 1, Stages: 1, Number: 3, Of: 4}, err: at(3, fs.ErrPermission),
			want: "Dockerfile, line 4: COPY x /: permission denied", next: "dockerfile.failed.permission", code: 125,
		},
		"an instruction of the base": {
			step: Step{Stage: 1, Stages: 1, Number: 2, Of: 5, Text: "RUN trigger"}, err: at(2, failedRun(t, "exit 4")),
			want: "an ONBUILD instruction of the image that Dockerfile begins with: RUN trigger: ended with exit status 4", next: "dockerfile.ended.next", code: 4,
		},
		"before the first step": {err: errors.New("disk full"), want: "cannot build Dockerfile: disk full", code: 125},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := source{file: "Dockerfile", text: []byte(text)}.parse()
			if err != nil {
				t.Fatal(err)
			}
			b := &build{parsed: p, context: buildContext{dir: "/the/context", file: "Dockerfile"}, handover: t.TempDir()}
			b.steps.last = c.step
			if c.fault != "" {
				if err := os.WriteFile(filepath.Join(b.handover, faultFile), []byte(c.fault), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := b.explain(c.err)
			if diff := cmp.Diff(c.want, got.Error()); diff != "" {
				t.Errorf("it says (-want +got):\n%s", diff)
			}
			if code := message.ExitCode(got); code != c.code {
				t.Errorf("the status is %d, not %d", code, c.code)
			}
			var known *message.Error
			if !errors.As(got, &known) || c.next != "" && (len(known.Next) != 1 || known.Next[0].Name() != c.next) {
				t.Errorf("what to do is %v, not %s", known.Next, c.next)
			}
		})
	}
}

func TestShort(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{" RUN a\n", "RUN a"},
		{"RUN <<E\nscript\nE", "RUN <<E …"},
		{strings.Repeat("あ", mostShown+1), strings.Repeat("あ", mostShown) + "…"},
	} {
		if got := short(c.text); got != c.want {
			t.Errorf("%q is shown as %q, not %q", c.text, got, c.want)
		}
	}
}
