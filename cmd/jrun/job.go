package main

import (
	"os"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/presence"
)

// schedulers' variables that hold the id of a batch job, the same on all nodes.
var schedulers = []string{"PBS_JOBID", "SLURM_JOB_ID", "LSB_JOBID"}

// launchers' variables that only processes started by one have; some of them give
// each process a session of its own.
var launchers = []string{"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PALS_RANKID"}

// currentJob names the job that this process belongs to: the batch system's, or
// the tree of processes of one command. It is empty for a process that is alone.
func currentJob() string {
	for _, name := range schedulers {
		if id := os.Getenv(name); id != "" {
			return id
		}
	}
	beyond := false
	for _, name := range launchers {
		beyond = beyond || os.Getenv(name) != ""
	}
	tree := presence.Tree(beyond)
	if tree == presence.Self() {
		return ""
	}
	return store.TreeJob(tree)
}
