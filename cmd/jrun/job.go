package main

import (
	"fmt"
	"os"

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
	if id := batchJob(); id != "" {
		return id
	}
	tree := presence.Tree(launched())
	if tree == presence.Self() {
		return ""
	}
	return fmt.Sprintf("tree-%s", tree)
}

// batchJob is the batch system's id of the job, or empty.
func batchJob() string {
	for _, name := range schedulers {
		if id := os.Getenv(name); id != "" {
			return id
		}
	}
	return ""
}

// launched says whether a launcher of many processes started this one.
func launched() bool {
	for _, name := range launchers {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// jobProcess is the process on this machine that lasts as long as the job. (A
// batch system's daemon belongs to root; what root starts below it has no such
// process.)
func jobProcess() presence.Owner {
	if batchJob() != "" && os.Getuid() != 0 {
		return presence.Top()
	}
	return presence.Tree(launched())
}
