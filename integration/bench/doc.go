// Command bench measures jrun against what people use today and prints the
// Markdown tables of docs/benchmarks.md. `make bench` installs the peers,
// builds jrun and starts it.
//
//	bench                          everything, five rounds, the image "sci": 20 minutes
//	bench -images sci,big          and an image of 5 GB of files
//	bench -only files -rounds 20   one part, more often
//	bench -short                   one round, to see that everything works
//
// # How it is counted
//
// Everything runs as an ordinary user, but for the kernel's own squashfs mount
// and what prepares storage. Each measured command is started by a child of
// this program that counts: it collects every descendant, also those that
// turned into daemons, and adds up what wait4(2) says of their CPU time. Rounds
// are interleaved, so that a slow minute of the machine hits all contestants;
// medians are printed, and beside them what the project has set itself as
// target.
//
// # Parts
//
//	conversion   registry → squashfs, against the usual tools
//	scaling      the same on one CPU and on two
//	again        an image of which one small layer has changed
//	start        /bin/true, against bubblewrap
//	pbs          what the hook and pbs-launch add to the start of a job
//	files        what programs do in a mounted image, against squashfuse_ll and the kernel
//	cold         the start of a Python program from slow storage, with and without a start-up profile
//	storm        32 Python processes that start and import at once, as ranks of a job do
//	builder      jbuild, from a base to an image in the registry, against buildah and podman
//	site         jadm with thousands of people: how often it asks Harbor, and what it takes
//	mpi          latency and bandwidth between two ranks, inside and outside
//
// Without root, parts that need it (the kernel's mount, storage with shared
// blocks) are left out, and it is said.
package main
