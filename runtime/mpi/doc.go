// Package mpi decides what of the host an MPI program in an image needs: nothing but
// its launcher's sockets, the host's whole MPI library, or only what drives the
// network. It decides and explains; package launch does it.
//
// # The launcher
//
// mpirun, srun or mpiexec start each rank on the host, and jrun becomes the program
// in the same process. The rank then talks to its launcher, by a descriptor that it
// has inherited (PMI-1, PMI-2, Hydra), a TCP port on the loopback interface (PMIx 2
// and newer, PALS) or a socket's file. Descriptors and ports need nothing: the
// sandbox keeps both. Files need the directory that they are in, so [Launch] looks
// in the environment which launcher it is and shows the directories that its variables
// name, where the job does not see them anyway, as it does /tmp. It also takes
// away variables by which the host's MPI finds its own files (OPAL_PREFIX), since
// they would send the image's MPI there. All ranks do this: it costs a look at the
// environment, a listing of /dev, and a stat(2) for each directory.
//
// # The library
//
// The MPI of an image may not know the machine's network. Then the host's library
// can take its place, if it has the same ABI. There are three families ([MPICH]'s,
// which Intel, Cray and MVAPICH share; [OpenMPI]'s; and the [ABI] of the MPI standard 5),
// told apart by DT_SONAME and by what a library needs. The host's library fits if:
//
//   - its DT_SONAME has the same major number, and its minor number is no lower
//     than the image's (Open MPI; the vendors of MPICH's family count differently);
//   - it has every function MPI_* that the image's has, whatever the numbers say;
//   - all that it needs is on the host, and the image's C library has the symbol
//     versions that all of this needs.
//
// The host's library is looked for where the environment says, then where the site says
// ([Ask.Hosts]), then in the usual places. The first that fits is taken.
//
// This is known before the program starts, instead of by a message of ld.so in it. The
// library and what it needs are shown file by file, named by DT_SONAME, in [LibDir],
// which is put first in LD_LIBRARY_PATH. Of a library that both sides have and that is
// no part of MPI or of the network, the newer one is used, since a SONAME promises
// that the newer one serves what was made for the older.
//
// # The network only
//
// Where the ABI does not fit, libfabric, UCX and libibverbs of the host can take the
// place of the image's ([Fabric]): they promise to be compatible for longer.
//
// # What it does not do
//
// A program with DT_RPATH (not DT_RUNPATH) finds its MPI before LD_LIBRARY_PATH is
// asked, and a static one never asks. Nobody knows the program beforehand, so both
// run as they would without the swap. Libraries that others open by name while they
// run are found only if they are plug-ins of Open MPI, PMIx, UCX, libfabric or
// libibverbs.
package mpi
