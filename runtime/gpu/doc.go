// Package gpu decides what a job needs inside to use the GPUs that it was given:
// device nodes, the driver's libraries, a few files and variables.
//
// [Plan] is a pure function: it looks at a machine and an image, and returns an
// [Injection], which is only data: items of package inject. Package launch makes mounts
// of them; a command can print them, on a node without GPUs, too. Every item says why it
// is there and by which rule, and every decision against something is a [Verdict].
//
// # Which devices
//
// Those that the job may open (its cgroup is asked, by access(2), which no driver
// notices), of those the ones that the variables of the batch system name
// (CUDA_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES and their kin), and of those the ones
// that --gpu names. What is not chosen has no node in the job's /dev. Drivers count
// only the devices that they can open, so numbers in variables are replaced by the
// devices' UUIDs, or counted anew.
//
// # What comes with them
//
// A CDI specification of the site for the vendor decides, if there is one and it is
// not stale. Its hooks, which would run as root in the container's file system, are
// done here in another way, as that file system is read-only: a symbolic link becomes
// a second mount of the same file, and folders for ldconfig(8) become one folder in
// LD_LIBRARY_PATH.
//
// Without a specification: of NVIDIA, the driver's libraries, because they must be of
// the kernel module's version. Of AMD and Intel only the devices: their kernel
// interfaces are stable, and the libraries above them are the image's.
//
// # Libraries
//
// They are shown below [LibraryDir], which is last in LD_LIBRARY_PATH: nothing that
// the image puts there is replaced. One that needs a newer C library than the image's
// is left out and named (package hostlib); the programs of the image would not even
// start with it.
//
// # What it does not do
//
// It does not check that a GPU works, runs no program of the driver, and does not
// divide GPUs: that is the batch system's.
package gpu
