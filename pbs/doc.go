// Package pbs lets users of OpenPBS write `qsub -l container_image=IMAGE` and
// nothing else.
//
// # The three parts
//
//   - The hook (hook.py) is the part in PBS. It checks what was typed, and puts
//     `jrun pbs-launch` before each program of a job, on every node. It runs as
//     root, so it does as little as can be.
//   - `jrun pbs-launch` is the part in the job. It runs as the job's owner, in the
//     job's session and cgroup: it can be killed by qdel, and what it says is in
//     the job's error file. [Host] and [Task] tell it what PBS wants.
//   - `jrun pbs install`, check, status and prefetch are for those who look after
//     a site. They talk to the server by qmgr(8B), qstat(1B) and pbsnodes(8B),
//     through [Server].
//
// # What is as in every job of PBS
//
// The process, its session, umask, limits, working directory, standard input and
// output, and its exit status: the program takes the place of pbs-launch, and PBS
// does not notice.
//
// # What it does not do
//
// It is no boundary that keeps users in containers: a job without an image runs
// as ever. What a job may do is what its owner may do.
package pbs
