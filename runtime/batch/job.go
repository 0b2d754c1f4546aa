package batch

import (
	"os"
	"slices"
)

// variables hold the id of a job, the same on all its nodes: of PBS, Slurm, and LSF.
var variables = []string{"PBS_JOBID", "SLURM_JOB_ID", "LSB_JOBID"}

// Variables are the names of those that hold a job's id, in the order in which they are
// looked at.
func Variables() []string { return slices.Clone(variables) }

// Job is the id of the batch job that this process is in; empty outside of one.
func Job() string {
	for _, name := range variables {
		if id := os.Getenv(name); id != "" {
			return id
		}
	}
	return ""
}
