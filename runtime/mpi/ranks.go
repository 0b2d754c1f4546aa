package mpi

import (
	"fmt"
	"strconv"

	"github.com/jrun-hpc/jrun/presence"
)

// Ranks are the processes on this machine that one launcher has started.
type Ranks struct {
	Name string // no other launcher's have it
	Here int    // how many they are, if the launcher says so; or 0
}

// counts are variables that say how many ranks are on a machine: Open MPI's and
// PRRTE's, Hydra's.
var counts = []string{"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}

// launches are variables that name one call of a launcher. Where a daemon of root's
// starts the ranks of several calls, only they tell them apart.
var launches = []string{"PMIX_NAMESPACE", "PALS_APID", "SLURM_STEP_ID", "PMI_JOBID"}

// OwnRanks are those to which this process belongs; ok is false if no launcher has
// started it. Env is the environment, as os.Environ.
func OwnRanks(env []string) (r Ranks, ok bool) {
	a := Ask{Env: env}
	var marks []string
	for _, l := range launchers {
		for _, mark := range l.marks {
			ok = ok || a.has(mark)
			marks = append(marks, mark)
		}
	}
	if !ok {
		return Ranks{}, false
	}
	r.Name = presence.Starter(marks).String()
	for _, name := range launches {
		r.Name += fmt.Sprintf(" %s=%s", name, a.variable(name))
	}
	for _, name := range counts {
		if n, err := strconv.Atoi(a.variable(name)); err == nil && n > 0 {
			r.Here = n
			break
		}
	}
	return r, true
}
