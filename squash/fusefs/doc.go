// Package fusefs shows a squashfs image as a read-only file system through
// FUSE, with a few files and directories of our own laid over it.
//
// # Use
//
// The caller opens /dev/fuse and mounts it itself, because only it knows in
// which namespaces; then it hands over the file descriptor:
//
//	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
//	err = unix.Mount("jrun", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RDONLY,
//		fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions", fd))
//	fsys, err := fusefs.New(r, fusefs.Options{…})
//	server, err := fusefs.Serve(fd, fsys) // owns fd from here on
//	server.Wait()                         // until it is unmounted
//
// The process that serves should not use the mount itself. Go's runtime adds a
// file to its poller while no other goroutine may run, and the kernel asks the
// server whether the file can be polled: a deadlock, unless that question has
// been answered before (once per mount, by unix.Poll on any regular file in it).
//
// The mount must have default_permissions: nothing here checks access, and the
// kernel does it without asking. FUSE passes neither device nodes nor set-id
// bits to anybody unless the mount allows it; they are shown, not enforced.
//
// # Parts
//
//	FS       what is asked and answered: nodes, names, bytes; knows no protocol
//	tree     the synthetic nodes, computed once by New
//	protocol the messages of the kernel, their parsing and encoding
//	worker   takes requests from the device and answers them, one by one
//	ring     the same through io_uring, where the kernel has that
//	pusher   gives the kernel pages that it has not asked for
//	Mount    for those who have no namespace of their own
//
// # Nodes
//
// A node's number is the image's inode reference plus two, the root's is 1 (it
// is FUSE's), and synthetic nodes have bit 63 set. A number therefore says
// everything, so no table grows with the files that the kernel has seen, and
// FORGET means nothing.
//
// # Workers
//
// A worker reads a request, works the reply out in one buffer (blocks are
// decompressed into it, directory entries encoded into it), writes it, and
// starts again: two system calls and no allocation. There is one for each CPU
// that the process may use, each with its own clone of the device where the
// kernel allows that. What a message says is checked before it is used;
// whatever it is, the answer is one well-formed reply, or none where FUSE wants
// none.
//
// Most of a small request's time is the change from one thread to another. Go's
// runtime adds to that what it does for goroutines that wait in system calls; a
// process that serves should be started by [WithTimerSlack], and workers yield
// now and then (slack.go, worker.go).
//
// # Rings
//
// Where the kernel offers FUSE over io_uring (Linux 6.14, when its parameter
// fuse.enable_uring is on), requests come through rings instead: replies are
// worked out in memory that the kernel shares, and one system call hands in a
// reply and brings the next request. The kernel has a queue for each CPU that
// the machine could have, and a request waits in that of the asker's CPU; so
// each CPU that we may use has two threads, large machines share 32, and the
// last thread serves the queues of all other CPUs. What is worked out there is
// what workers work out. One worker stays with the device, for FORGET,
// INTERRUPT and NOTIFY_STORE, which do not go through rings.
//
// From the answer to INIT on, the kernel keeps all requests waiting until it
// has accepted the rings or refused one. So it is only promised after rings
// were made, and after a command that has no effect came as far as the device.
// Anything in the way, such as a sysctl, a seccomp filter, a security module or
// a limit of memory, means no rings; and if the kernel refuses one in spite of
// that, the other workers are started.
//
// A thread that serves several queues, or the only one of a queue, does not push:
// what is pushed might be asked for in a request that only it can answer.
//
// # Few messages
//
// The image never changes, so the kernel may keep whatever it was told: entry,
// attribute and negative timeouts are as long as they can be, page cache and
// directory cache are kept, symlinks are cached. OPEN, OPENDIR, FLUSH, ACCESS,
// and, when the image has none, xattr requests are answered once with ENOSYS,
// whereupon the kernel stops asking. A directory is read with READDIRPLUS,
// which brings all its attributes at once: find(1) needs a request for every
// directory and not for every file.
//
// Small reads in random order are the worst case of a compressed file: each
// brings 4 KiB to the kernel and decompresses 128. So the rest of a block that
// was decompressed for a small read is pushed into the page cache; 100,000 such
// reads take a thirteenth of the time.
//
// Programs that read one small file after another, such as grep -r, tar and cp,
// do so in the order in which the image stores the inodes of a directory. From
// the third file on, the next ones are pushed into the page cache, and those
// behind them are decompressed while the program works on what it has: grep
// finds seven of ten files there (walks.go).
//
// Pushing has a danger. The kernel makes who pushes a page wait while the page is
// part of a READ that is not answered, and not even SIGKILL ends that. If a kill
// came then, the READ would stay unanswered, the thread and with it the process
// could not end, and as /dev/fuse would stay open, the kernel would never give
// up the mount. So a page is pushed only when nobody should be asking for it: before
// the answer to a READ, to a program that reads alone and waits for that answer
// (push.go).
//
// # Owners
//
// Every file belongs to Options.UID and GID, as the mounting namespace numbers
// them; the ids stored in the image are not shown, unless by StoredOwners. In a user namespace they
// would be unmapped, and with default_permissions even its root could not
// enter a directory of mode 0700.
//
// # Synthetic nodes
//
// [Synthetic] nodes exist so that something can be mounted over them, or to put
// a file of ours in place of the image's. New finds their places as a process
// whose root is the image would: symlinks on the way are followed and never
// leave the image; directories missing on the way are made. What then stands
// at the last place decides:
//
//	wanted           there is                    result
//	Dir              a directory                 left as it is
//	Dir              a symlink                   followed; its target is made if missing
//	Dir              nothing, or anything else   an empty directory
//	File, nil        a file, device, …           left as it is
//	File, nil        nothing, directory, symlink an empty file
//	File, content    anything                    a file with that content
//	Symlink          anything                    that symlink
//
// The list is worked off in order; a later one sees what the earlier made.
// Something replaced hides all that is below it in the image.
//
// # Errors
//
// Whatever would change the image is EROFS (the kernel says so itself if the
// mount is MS_RDONLY). Corrupt parts of an image are EIO for the request that
// needs them, and nothing else.
package fusefs
