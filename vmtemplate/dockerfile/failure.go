package dockerfile

import (
	"cmp"
	"errors"
	"io/fs"
	"os/exec"
	"regexp"
	"strings"

	"github.com/jrun-hpc/jrun/vmtemplate/message"
	"github.com/jrun-hpc/jrun/vmtemplate/rootless"
)

// explain makes an error of buildah one about a line of the Dockerfile.
func (b *build) explain(err error) error {
	var known *message.Error
	if errors.As(err, &known) {
		return err
	}
	current := b.steps.current()
	if current.Number == 0 || current.Stage > len(b.parsed.stages) {
		return message.Fail(message.Of("dockerfile.build", b.context.file), err)
	}
	line, text, ok := b.parsed.stages[current.Stage-1].at(current.Number, current.Of, b.added(current))
	where := message.Of("dockerfile.line", b.context.file, line, short(text))
	if !ok {
		where = message.Of("dockerfile.inherited", b.context.file, short(current.Text))
	}
	if fault := faultOf(b.handover); fault != nil {
		return message.Fail(message.Of("dockerfile.not-run", where), fault, message.Of("dockerfile.not-run.next"))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && firstWord(cmp.Or(text, current.Text)) == "RUN" {
		return ended(where, rootless.Status(exit.ProcessState))
	}
	return failed(where, cmp.Or(text, current.Text), innermost(err), b.context.dir)
}

// added is how many instructions --label adds to a stage.
func (b *build) added(s Step) int {
	if len(b.o.Labels) > 0 && s.Stage == s.Stages {
		return 1
	}
	return 0
}

// firstWord is what an instruction is called.
func firstWord(text string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return strings.ToUpper(word)
}

// ended is the error of a RUN whose program failed. Its status becomes jbuild's, as with
// docker build.
func ended(where message.Text, status int) error {
	e := message.Fail(message.Of("dockerfile.ended", where, status), nil)
	switch status {
	case 126:
		e.Next = []message.Text{message.Of("dockerfile.ended.126")}
	case 127:
		e.Next = []message.Text{message.Of("dockerfile.ended.127")}
	case 137:
		e.Next = []message.Text{message.Of("dockerfile.ended.137")}
	default:
		e.Next = []message.Text{message.Of("dockerfile.ended.next")}
	}
	e.Code = status
	return e
}

// failed is the error of an instruction that buildah could not carry out.
func failed(where message.Text, instruction string, why error, dir string) error {
	next := message.Of("dockerfile.failed.next")
	denied := errors.Is(why, fs.ErrPermission)
	switch firstWord(instruction) {
	case "RUN":
		if denied && strings.Contains(instruction, "--mount=") {
			// A file that is bound is opened for writing, which another user's refuses.
			next = message.Of("dockerfile.failed.others-file")
		}
	case "COPY", "ADD":
		next = message.Of("dockerfile.failed.source")
		if denied {
			next = message.Of("dockerfile.failed.permission")
		}
	}
	return message.Fail(message.Of("dockerfile.failed", where), plain(why, dir), next)
}

// What buildah's errors say that people cannot use: ids, and where it has mounted the
// context.
var (
	containerID = regexp.MustCompile(`^resolving mountpoints for container "[0-9a-f]{64}": `)
	mountedAt   = regexp.MustCompile(`/[^ "]*/buildah-context-[0-9]+/overlay/[0-9]+/merge`)
)

// plain is an error's text without that.
func plain(err error, dir string) error {
	text := containerID.ReplaceAllString(err.Error(), "")
	return errors.New(mountedAt.ReplaceAllLiteralString(text, dir))
}

// innermost takes the sentences off an error that only say again which step it was. Should
// buildah say it otherwise some day, it is said twice.
func innermost(err error) error {
	for strings.HasPrefix(err.Error(), "building at STEP") {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	return err
}

// mostShown bounds an instruction in an error, which may be a script.
const mostShown = 120

func short(text string) string {
	text, more, _ := strings.Cut(strings.TrimSpace(text), "\n")
	runes := []rune(text)
	if len(runes) > mostShown {
		return string(runes[:mostShown]) + "…"
	}
	if more != "" {
		return text + " …"
	}
	return text
}
