package pbs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/printable"
)

// Server is the PBS server of a site, reached through PBS's own programs.
type Server struct {
	Host Host

	// Run runs a program of PBS and returns what it prints. The error holds what it
	// said on its standard error. Nil means that the program is really run.
	Run func(ctx context.Context, program string, args ...string) ([]byte, error)
}

// ErrNoSuch is wrapped by errors about a hook or resource that the server lacks.
var ErrNoSuch = errors.New("the server has none")

func (s Server) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, _, err := s.runAndHear(ctx, program, args...)
	return out, err
}

// runAndHear also returns what the program said without failing.
func (s Server) runAndHear(ctx context.Context, program string, args ...string) (answer []byte, remark string, err error) {
	if s.Run != nil {
		answer, err = s.Run(ctx, program, args...)
		return answer, "", err
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(s.Host.Exec, "bin", program), args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	remark = printable.Line(said.String())
	if err != nil && remark != "" {
		err = fmt.Errorf("%w: %s", err, remark)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", program, err)
	}
	return out.Bytes(), remark, err
}

// ask runs a directive of qmgr(8B) that asks for something. To who is no manager qmgr
// says no, and succeeds.
func (s Server) ask(ctx context.Context, directive string) ([]byte, error) {
	answer, remark, err := s.runAndHear(ctx, "qmgr", "-c", directive)
	if err == nil && len(answer) == 0 && remark != "" {
		err = fmt.Errorf("qmgr: %s", remark)
	}
	return answer, err
}

// attributes are those of a hook or a resource, as `list` shows them; the error
// wraps ErrNoSuch if there is no such thing.
func (s Server) attributes(ctx context.Context, kind, name string) (map[string]string, error) {
	all, err := s.ask(ctx, "list "+kind)
	if err != nil {
		return nil, fmt.Errorf("asking for the %s %s: %w", kind, name, err)
	}
	for _, block := range strings.Split("\n"+string(all), "\n"+strings.ToUpper(kind[:1])+kind[1:]+" ")[1:] {
		lines := strings.Split(block, "\n")
		if strings.TrimSpace(lines[0]) != name {
			continue
		}
		attributes, last := map[string]string{}, ""
		for _, line := range lines[1:] {
			switch key, value, ok := strings.Cut(line, " = "); {
			case strings.HasPrefix(line, "\t"): // a long value goes on
				attributes[last] += strings.TrimSpace(line)
			case ok:
				last = strings.TrimSpace(key)
				attributes[last] = strings.TrimSpace(value)
			}
		}
		return attributes, nil
	}
	return nil, fmt.Errorf("%s %s: %w", kind, name, ErrNoSuch)
}

// Job is what qstat tells of one.
type Job struct {
	ID    string `json:"id"`
	Owner string `json:"owner"` // without the host
	State string `json:"state"` // Q, R, H, …, see qstat(1B)
	Image string `json:"image"`
	Queue string `json:"queue"`
}

// waiting says whether the job has yet to start.
func (j Job) waiting() bool { return slices.Contains([]string{"Q", "H", "W", "T"}, j.State) }

// Jobs lists the jobs that name an image, in the server's order. Subjobs of arrays
// are their array's.
func (s Server) Jobs(ctx context.Context) ([]Job, error) {
	text, err := s.run(ctx, "qstat", "-f", "-F", "json")
	if err != nil {
		return nil, fault.New("the server does not list its jobs", err, "check that it runs: qstat -B")
	}
	var answer struct {
		Jobs orderedJobs
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fault.New("the list of jobs cannot be read", err, "look at what 'qstat -f -F json' prints; a job with control characters in an attribute can be the cause")
	}
	return answer.Jobs, nil
}

// Waiting lists the jobs that have yet to start.
func (s Server) Waiting(ctx context.Context) ([]Job, error) {
	all, err := s.Jobs(ctx)
	var waiting []Job
	for _, j := range all {
		if j.waiting() {
			waiting = append(waiting, j)
		}
	}
	return waiting, err
}

// orderedJobs reads an object by job id, in its order.
type orderedJobs []Job

// UnmarshalJSON keeps the jobs that name an image.
func (o *orderedJobs) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return errors.Join(err, errors.New("the jobs are no object"))
	}
	for decoder.More() {
		id, err := decoder.Token()
		if err != nil {
			return err
		}
		var j struct {
			Owner     string         `json:"Job_Owner"`
			State     string         `json:"job_state"`
			Queue     string         `json:"queue"`
			Resources map[string]any `json:"Resource_List"`
			Variables map[string]any `json:"Variable_List"`
		}
		if err := decoder.Decode(&j); err != nil {
			return err
		}
		image, _ := j.Resources[ImageResource].(string)
		if image == "" {
			image, _ = j.Variables[ImageVariable].(string)
		}
		if image == "" {
			continue
		}
		owner, _, _ := strings.Cut(j.Owner, "@")
		*o = append(*o, Job{ID: fmt.Sprint(id), Owner: owner, State: j.State, Image: image, Queue: j.Queue})
	}
	return nil
}

// The names by which jobs ask for an image.
const (
	ImageResource = "container_image"
	ImageVariable = "CONTAINER_IMAGE"
)

// Node is what a node of the complex says of jrun.
type Node struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Version string `json:"jrun"` // by exechost_startup and exechost_periodic of the hook; "" if it never said
}

// Nodes lists the nodes by name.
func (s Server) Nodes(ctx context.Context) ([]Node, error) {
	text, err := s.run(ctx, "pbsnodes", "-a", "-F", "json")
	if err != nil {
		return nil, fault.New("the server does not list its nodes", err, "check that it runs: pbsnodes -a")
	}
	var answer struct {
		Nodes map[string]struct {
			State     string         `json:"state"`
			Available map[string]any `json:"resources_available"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fault.New("the list of nodes cannot be read", err, "look at what 'pbsnodes -a -F json' prints")
	}
	var nodes []Node
	for name, n := range answer.Nodes {
		version, _ := n.Available[versionResource].(string)
		nodes = append(nodes, Node{Name: name, State: n.State, Version: version})
	}
	return sortedNodes(nodes), nil
}
