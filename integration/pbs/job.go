package pbs

import (
	"context"
	"os"
)

// Job is what one gives to qsub(1B).
type Job struct {
	Image     string            // -l container_image
	Script    string            // the text of the script; or
	Command   []string          // -- PROGRAM ARGUMENT...
	Shell     string            // -S
	Variables map[string]string // -v; values without commas
	Array     int               // -J 1-N, if not 0
	Nodes     int               // -l select=N:ncpus=1 -l place=scatter; 0 for one
	Dir       string            // where qsub is called
}

// Result is how a job ended.
type Result struct {
	Exit           int // Exit_status: 256 and more for signals, negative for what MoMs refuse
	Stdout, Stderr string
}

// Session is an interactive job.
type Session struct {
	Terminal *os.File // the side that a person types on
	Wait     func() error
}

// System runs jobs.
type System interface {
	Name() string

	// Submit returns the ids of the jobs: one, or those of the array.
	Submit(ctx context.Context, j Job) ([]string, error)

	// Wait waits for the end of a job.
	Wait(ctx context.Context, id string) (Result, error)

	// Stderr is what a running job has written so far.
	Stderr(id string) string

	// Delete is qdel(1B): it returns when the job is being ended.
	Delete(ctx context.Context, id string) error

	// Rerun is qrerun(8B).
	Rerun(ctx context.Context, id string) error

	// Interactive is qsub -I.
	Interactive(ctx context.Context, j Job) (*Session, error)

	// Nodes is how many nodes a job can have.
	Nodes() int
}
