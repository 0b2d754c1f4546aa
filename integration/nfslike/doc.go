// Package nfslike shows one directory on several mount points of one machine,
// each with what a Linux NFS client makes its programs see, so that a store
// that nodes share can be tested without nodes and without NFS.
//
// A Server is the file server: it answers one request at a time, and what it
// answers is the truth, which is the directory behind it. A Node is a client:
// a FUSE mount with caches of its own, which are allowed to be wrong for a
// while. Nodes know nothing of each other. Every choice left to chance is drawn
// from Options.Seed.
//
// # What a node may see
//
//   - Attributes (nfs(5), "Attribute caching": acregmin, acdirmin) are believed
//     for a time, here random, up to Options.AttrDelay.
//
//   - Names (nfs(5), "Directory entry caching", lookupcache=all): a name that
//     was there, or was not, is believed for a time; so is a whole listing. The
//     three are independent: a listing may show a name that cannot be opened.
//     Names that are believed to be there are kept by the kernel, which knows
//     when to ask anyway, as with NFS: mkdir, link and open with O_EXCL always
//     do, and when a file handle is stale, the path is walked again, past the
//     caches. A program therefore seldom sees ESTALE from open or stat.
//
//   - Contents (nfs(5), "Close-to-open cache consistency"): what is written
//     stays on the node until fsync, close, truncation, or unlocking, and goes
//     to the server page by page; another node sees pages as they are there
//     when it asks for them, and asks anew for all when it opens the file and
//     finds it changed, when its attributes expire and it is found changed, or
//     when it gets a lock. A node with much unwritten data writes some of it
//     back early, in any order. O_APPEND appends where the node thinks the end is.
//
//   - Removed files (RFC 1813, 4.5 and 2.6, NFS3ERR_STALE): with
//     Options.StaleHandles a file that another node removed or replaced is gone
//     under the one that has it open, once its caches run dry.
//
//   - Silly rename (Linux, fs/nfs/unlink.c; nfs.sourceforge.net FAQ D2): a file
//     that a node has open itself and removes is renamed to .nfsXXXX, for all to
//     see, until the node closes it, and for ever if it crashes before. When the
//     node renames another file over one it has open, the old one is first
//     renamed away (fs/nfs/dir.c, nfs_rename): between the two requests the
//     name does not exist.
//
//   - Lost replies (RFC 1813, 4.5, "Duplicate request cache"): a request whose
//     reply is lost is sent again, and the second time it may fail because of
//     the first. With Options.LostReplies the server does just this for requests
//     that cannot be repeated: it carries them out twice, and answers the second.
//
//   - Locks (flock(2), "NFS details"; Linux, fs/nfs/nfs4proc.c, nfs4_setlk):
//     flock is a lock of all bytes on the server, so it meets fcntl's, and an
//     exclusive one of a file that is not open for writing is EBADF. A lock of a
//     directory is its node's own. Options can make locks local or fail.
//
//   - What NFS does not have fails as on Linux: renameat2 with flags (EINVAL),
//     O_TMPFILE, fallocate and cloning (EOPNOTSUPP).
//
// # What it cannot show
//
// Times are of the server's clock, which is also the nodes'. A power cut of the
// server is not played: what reached it stays. A listing is read at one moment;
// a real one of a large directory is not. NFSv3's exclusive create can tell its
// own retransmission by a verifier, and so can version 4: Options.LostReplies
// is harsher. stat does not write data back, rename and link neither; on Linux
// they do. A change of data within one tick of the clock is noticed, as with
// NFSv4's change attribute. A file is silly-renamed when it is open under any
// of its names, on Linux only under this one. There are no delegations, no
// mmap of shared memory, no leases: a crashed node's locks go at once. Names in
// the kernel live up to two of its ticks (8 ms) longer than AttrDelay. Symlinks
// have no extended attributes.
//
// FUSE tells of the end of an open file after close has returned, NFS before. So
// removing a file or asking for its lock waits up to 50 ms for an end that may be
// on its way; always as long when an open file lives on as a duplicate, in a
// child for example, of which one was closed.
//
// A process that serves nodes must not start programs in a directory of theirs,
// nor use one as the backing of another: the Go runtime may stop while it waits
// for itself. Command nfsmount serves them from a process of its own.
package nfslike
