package service

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jrun-hpc/jrun/image/lifecycle/mirror"
)

// patience is how long something may be wrong before somebody has to be told.
const patience = 5 * time.Minute

// roundsMissed is how many rounds in a row may fail before somebody has to be told.
const roundsMissed = 3

// taskFailures is the same for tasks.
const taskFailures = 3

// Health says what has been wrong for long; nothing when all is well. It holds no error
// texts: everybody may ask.
func (s *Service) Health() []string {
	now := s.o.Now()
	var reasons []string
	status := s.o.Mirror.Status()
	for _, t := range status.Troubles {
		if long := now.Sub(t.Since); long >= patience {
			reasons = append(reasons, fmt.Sprintf("trouble with the %s for %s", wordOf(t), long.Round(time.Minute)))
		}
	}
	last := status.Rounds.Complete
	if last.IsZero() {
		last = s.started
	}
	if s.o.PollEvery > 0 && now.Sub(last) > max(roundsMissed*s.o.PollEvery, patience) {
		reasons = append(reasons, fmt.Sprintf("the store was last compared with the registry %s ago", now.Sub(last).Round(time.Minute)))
	}
	for _, t := range s.tasks {
		if n := t.failedInARow(); n >= taskFailures {
			reasons = append(reasons, fmt.Sprintf("the task %s has failed %d times in a row", t.Name, n))
		}
	}
	return reasons
}

// wordOf is a trouble's kind, without the name of a project.
func wordOf(t mirror.Trouble) string {
	word, _, _ := strings.Cut(t.Where, " ")
	return word
}

func (s *Service) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	reasons := s.Health()
	if len(reasons) == 0 {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, strings.Join(reasons, "\n")+"\n")
}
