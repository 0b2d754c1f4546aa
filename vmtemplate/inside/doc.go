// Package inside runs programs as root of a file system that is mounted somewhere: the
// shell of a workspace, or one command in it.
//
// The caller is root of a user namespace (package rootless). Each Run makes namespaces
// for mounts, processes, IPC and the host name, mounts what programs expect (/proc,
// /sys read-only, a /dev of its own), makes the file system the root directory, and
// runs the program below a small first process. When the program ends, or jbuild is
// killed, the kernel ends everything that the program has started. The network is
// the machine's.
//
// /dev is a tmpfs. What jbuild itself needs inside for the time of a run is in
// Ours, below it, so that nothing of it can get into an image.
//
// A terminal is made inside, so that programs find it under its name, and served
// from outside: sizes, signals by keys, and job control work as in a terminal of the
// machine.
//
// Where the kernel refuses a new /proc (in a container whose own is partly hidden) the
// machine's is shown, and processes are not hidden; the first process then ends what
// is left.
package inside

// Ours is the directory inside for what belongs to a run and not to the image.
const Ours = "/dev/.jbuild"
