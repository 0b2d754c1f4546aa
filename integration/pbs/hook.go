package pbs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jrun-hpc/jrun/pbs"
)

// answer is what the hook decides; see pbs/testdata/run_hook.py.
type answer struct {
	Accepted               bool
	Error, Message, Stderr string
	Progname               string
	Argv                   []string
}

// ask asks the hook what to start.
func (m *Mom) ask(r *running, program string, args []string) (answer, error) {
	job := map[string]any{"Job_Name": "STDIN", "euser": m.user.Name, "Variable_List": r.job.Variables}
	if r.job.Image != "" {
		job["Resource_List"] = map[string]string{pbs.ImageResource: r.job.Image}
	}
	event, err := json.Marshal([]any{map[string]any{
		"event": "execjob_launch", "job": job, "progname": program, "argv": append([]string{}, args...), "config": m.settings,
	}})
	if err != nil {
		return answer{}, err
	}
	cmd := exec.Command("python3", filepath.Join(m.source, "testdata", "run_hook.py"), filepath.Join(m.source, "hook.py"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = bytes.NewReader(event)
	out, err := cmd.Output()
	if err != nil {
		return answer{}, fmt.Errorf("running the hook: %w", err)
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil {
		return answer{}, err
	}
	return answers[0], nil
}
