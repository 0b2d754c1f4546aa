// Package rootless makes an ordinary user's jbuild root of a user namespace, so that
// package managers work and overlay file systems can be mounted.
//
// # Two ways
//
// With subordinate ids (/etc/subuid, /etc/subgid, and the setuid helpers newuidmap
// and newgidmap, as podman and buildah want them) the namespace has root and 65536
// more ids: Ranges. Without them it has root alone: Single. Nothing must be set up for
// that by an administrator, but every chown to another id, every setuid and every
// mknod of a device would fail, and package managers with them. So a seccomp filter
// answers these calls with success and does nothing, for this process and all that it
// starts. That is what Charliecloud does with --force=seccomp. Under jrun all files
// of an image belong to the caller anyway, so that nothing is lost for jobs.
//
// mknod of device 0:0 stays real: it is overlay's whiteout. FIFOs and sockets too.
//
// # How the namespace is entered
//
// Enter executes the program again. A C constructor (go.podman.io/storage's
// pkg/unshare) enters the namespace before Go has threads, since the kernel lets only a
// single thread do so. Enter returns in the new process only; the old one waits, and
// ends as the new one does. The terminal sends its signals to both; SIGTERM and SIGHUP
// are passed on. When the old process is killed, so is the new one.
//
// A signal is never ignored here: what ignores a signal hands that down to every
// program it starts, and Ctrl-C would be dead in the user's shell.
package rootless
