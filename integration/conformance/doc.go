// Package conformance asks the same questions of everything that reads a
// squashfs image and compares the answers.
//
// # Views
//
// A view is one way to see an image: our reader, our FUSE mount, the kernel's
// own squashfs mount, a folder that unsquashfs or umoci unpacked, and the
// folder that the image was made of. Each is asked for the whole tree (what
// lstat, readlink, listxattr and hashing tell of every name, and which names
// are hard links of one file), for every directory's listing, and for bytes at
// odd places, also from many goroutines at once; but for the latter two where
// neither the image nor the view is ours.
//
// # Images
//
// By mksquashfs: every compressor and many options, from a folder that has one
// of everything; the folder itself is the truth. By our writer: stacks of layers
// made at random, for which the truth is what `umoci unpack` makes of the same
// layers; and the layers of package torture, whose corners umoci refuses or
// takes otherwise, and for which the truth is that package's own list.
//
// # What a view cannot tell
//
// Every view names what it is blind to (its blind function): our FUSE mount
// shows one owner for all files, a folder has the sizes of its own file system.
// Nothing else is left out of a comparison.
//
// Mounting, unpacking and device nodes need root. Without root everything is
// compared that can be: the reader with the names and contents in the folder.
package conformance
