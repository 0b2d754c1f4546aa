// Package nodecache copies images from shared storage to a disk of the machine,
// once, for all sandboxes of a user there: reading a squashfs file from a busy
// file server is slow. A failure is never the job's: it reads the shared file.
//
// # A copy without a name
//
// The copy is a file that has no name from the beginning (O_TMPFILE of open(2)),
// held open by a keeper: this program, started again in a session of its own. The
// keeper watches processes by pidfd (those that [Options.Owners] names: the root
// of a batch job's processes, and whoever uses the copy) and ends with the last of
// them. Then, or when it is killed, or the machine is, the kernel frees the
// file, as soon as no sandbox reads it any more: there is no state in which
// something is left to be removed.
//
// Processes find the keeper by an abstract socket (package rendezvous) whose name
// holds the uid and a sum of the image's contents. Whoever binds it first copies;
// the others wait, and take over if that one dies. Both ends check who the other
// is. What they get is a descriptor for reading only.
//
// # A copy that stays
//
// With [Options.Keep] a copy is a file in DIR/<uid>, which only the user can
// enter. It gets its name when it is complete and on the disk. A file in use has a
// shared flock(2), which dies with the last descriptor; to make room, those that
// nobody uses are removed, the longest unused first. (On shared storage jrun takes
// no locks; this is a local disk.) Where there is no O_TMPFILE a copy in the making
// has a name, which says whose it is, so that the next one removes those of the
// dead.
//
// # What is trusted
//
// DIR must belong to root or to the user, and have the sticky bit if others may
// write to it: its owner could put other files, or another file system, in its
// place. Every chunk is compared with the sums that were taken when the image was
// converted, so a copy is right or is not made. An image without sums is not copied.
//
// # Room
//
// [Options.LimitBytes] bounds the sizes of all copies of a user on the machine.
// Copies without a name are counted by their sockets, whose names hold the size:
// they are there exactly as long as the keeper. A copy that a sandbox still reads
// after its keeper has ended is not counted. Two processes that begin to copy
// different images at the same time count each other; if there is room for one
// only, it may be that neither is copied.
package nodecache
