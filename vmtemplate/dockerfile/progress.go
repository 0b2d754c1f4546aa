package dockerfile

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/vmtemplate/workspace"
)

// Step is an instruction that is being worked on.
type Step struct {
	Stage, Stages int // from 1
	Number, Of    int // from 1; the FROM counts
	Text          string
}

// Reporter shows how a build goes.
type Reporter interface {
	// Fetching is called before an image is fetched, done after it.
	Fetching(name string) (progress workspace.Progress, done func())

	// Step is called when work at an instruction begins.
	Step(Step)

	// Cached says that the result of the last Step was there already.
	Cached()

	// Write gets what RUNs write.
	io.Writer
}

// steps finds the steps in what buildah writes. Each of its own lines comes in a Write of
// its own; what RUNs write comes through a pipe. A RUN that imitates a line of buildah's
// misleads only the one who reads an error.
type steps struct {
	report Reporter

	mu   sync.Mutex
	last Step
}

var (
	aStep   = regexp.MustCompile(`^(?:\[(\d+)/(\d+)\] )?STEP (\d+)(?:/(\d+))?: ([\s\S]*)\n$`)
	aCommit = regexp.MustCompile(`^(?:\[\d+/\d+\] )?COMMIT\b.*\n$`)
	cached  = regexp.MustCompile(`^--> Using cache [0-9a-f]+\n$`)
	anImage = regexp.MustCompile(`^(?:--> [0-9a-f]{1,12}|[0-9a-f]{64}|Successfully tagged .*)\n$`)
)

func (s *steps) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := string(p)
	switch m := aStep.FindStringSubmatch(line); {
	case m != nil:
		s.last = stepOf(m)
		s.report.Step(s.last)
	case cached.MatchString(line):
		s.report.Cached()
	case aCommit.MatchString(line), anImage.MatchString(line):
	default:
		return s.report.Write(p)
	}
	return len(p), nil
}

func stepOf(match []string) Step {
	number := func(i int) int {
		n, _ := strconv.Atoi(match[i]) // digits, or nothing
		return n
	}
	return Step{Stage: max(number(1), 1), Stages: max(number(2), 1), Number: number(3), Of: number(4), Text: strings.TrimSpace(match[5])}
}

// current is the step that was begun last; its Number is 0 if there was none.
func (s *steps) current() Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
