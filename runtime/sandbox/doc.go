// Package sandbox runs a command inside a squashfs image, as the same user, in
// the same process, without any privilege. It is the only package that knows
// about namespaces.
//
// # The road
//
// The words: U1 is a user namespace in which the caller is uid 0, M1 its mount
// namespace. M2 is the mount namespace that the job sees, with the image as
// its root. U2 is a user namespace inside U1 in which the job has its own uid
// again. One process takes part for each role:
//
//   - The holder is a daemon that lives as long as somebody is inside. It
//     makes U1, M1 and U2, opens /dev/fuse, mounts the image and serves it.
//   - The builder lives for some milliseconds. In U1 it prepares /dev and the
//     writable layer, lets libcontainer mount everything and pivot the root in
//     a new mount namespace, and hands that namespace, M2, to the holder.
//   - A rank is the process that the user, PBS or mpirun started. It asks the
//     holder for the three namespaces, enters them and becomes the command by
//     execve(2): the pid, session, terminal, cgroup, affinity, umask, groups
//     and exit status are its own, and so is every signal.
//
// All three are this same program. Entering a user namespace needs a process
// with one thread, and a Go program never has one, so the rank writes down
// what to do and executes itself again; stage.c then acts before Go starts.
//
// # Who creates, who joins
//
// Processes with the same key share one sandbox. The key names an abstract
// unix socket; whoever binds it first creates, the others connect and wait.
// The kernel is the lock: the name is free again at the moment when nobody
// holds the socket, however its owner died, and no file is ever left behind.
// Both sides check the other's uid, and a name that another user took is
// stepped over.
//
// # How it ends
//
// The holder watches a pidfd of every rank. When the last one has ended it
// stops listening and drops the namespaces; the kernel unmounts M2 when the
// last process inside has gone, the FUSE connection ends, and so does the
// holder. Everything lives in namespaces and descriptors, so kill -9 of any
// process leaves nothing: without the holder the image's files answer
// "Transport endpoint is not connected" until the job's processes end.
//
// # What it does not do
//
// It is no boundary between the job and the user's own files: the job is the
// user. SECURITY.md says what is protected and what is not. Measurements and
// dead ends that led to this shape are told in ARCHITECTURE.md.
package sandbox
