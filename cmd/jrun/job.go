package main

import (
	"crypto/sha256"
	"encoding/base32"
	"os"
	"strings"
	"sync"

	"github.com/jrun-hpc/jrun/image/store"
	"github.com/jrun-hpc/jrun/pbs"
	"github.com/jrun-hpc/jrun/presence"
	"github.com/jrun-hpc/jrun/runtime/batch"
	"github.com/jrun-hpc/jrun/runtime/sandbox"
)

// launchers' variables that only processes started by one have; some of them give
// each process a session of its own.
var launchers = []string{"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "PALS_RANKID"}

// currentJob names the job that this process belongs to: the batch system's, or
// the tree of processes of one command. It is empty for a process that is alone.
func currentJob() string {
	if id := batch.Job(); id != "" {
		return id
	}
	tree := currentTree()
	if tree == presence.Self() {
		return ""
	}
	return store.TreeJob(tree)
}

// currentTask is this process as PBS sees it, if it is in a job of PBS that is on this
// machine: somebody may have kept its environment.
func currentTask() (task pbs.Task, ok bool) {
	if os.Getenv("PBS_JOBID") == "" {
		return pbs.Task{}, false
	}
	host, err := pbs.ReadHost()
	if err != nil {
		return pbs.Task{}, false
	}
	task, ok = pbs.CurrentTask(host)
	if !ok {
		return pbs.Task{}, false
	}
	_, err = os.Lstat(task.File())
	return task, err == nil
}

// sandboxJob is the job of PBS with which a sandbox ends, if there is one.
func sandboxJob() sandbox.Job {
	task, ok := currentTask()
	if !ok {
		return sandbox.Job{}
	}
	return sandbox.Job{ID: task.ID, File: task.File()}
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

var currentTree = sync.OnceValue(func() presence.Owner { return presence.Tree(launched()) })

// jobProcess is the process on this machine that lasts as long as the job. (A
// batch system's daemon belongs to root; what root starts below it has no such
// process.)
func jobProcess() presence.Owner {
	if batch.Job() != "" && os.Getuid() != 0 {
		return presence.Top()
	}
	return currentTree()
}

// recordedJob is the id under which this job is in the history: the batch
// system's, or one that is made of the machine, the process at the top of the
// tree, and the time at which it started; short, because people type it.
func recordedJob() string {
	if id := batch.Job(); id != "" {
		return id
	}
	host, _ := os.Hostname() // for people
	host, _, _ = strings.Cut(host, ".")
	sum := sha256.Sum256([]byte(currentTree().String()))
	return typable.EncodeToString(sum[:5]) + "." + host
}

// typable has no letters that look like others.
var typable = base32.NewEncoding("abcdefghjkmnpqrstuvwxyz023456789").WithPadding(base32.NoPadding)
