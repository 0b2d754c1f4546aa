package mpi

import (
	"slices"
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// Mode is what is done for an MPI program.
type Mode string

// The modes.
const (
	Auto    Mode = "auto"    // the least that reaches the machine's network
	None    Mode = "none"    // nothing at all, not even for the launcher
	PMI     Mode = "pmi"     // the launcher can be reached; the image's own MPI runs
	MPICH   Mode = "mpich"   // and the host's MPICH, Intel MPI, MVAPICH or Cray MPICH takes its place
	OpenMPI Mode = "openmpi" // and the host's Open MPI does
	ABI     Mode = "abi"     // and the host's library with the ABI of MPI 5 does
	Fabric  Mode = "fabric"  // and the host's libfabric, UCX and libibverbs do
)

// Modes are all, as they are typed.
var Modes = []Mode{Auto, None, PMI, MPICH, OpenMPI, ABI, Fabric}

// ParseMode reads what --mpi says; nothing is Auto.
func ParseMode(text string) (Mode, error) {
	if text == "" {
		return Auto, nil
	}
	if m := Mode(text); slices.Contains(Modes, m) {
		return m, nil
	}
	var words []string
	for _, m := range Modes {
		words = append(words, string(m))
	}
	return "", fault.Newf(fault.Because("it is not one of %s", strings.Join(words, ", ")), "leave it out, or write --mpi=auto", "cannot understand --mpi=%s", text)
}
