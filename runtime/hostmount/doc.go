// Package hostmount shows an image as a directory of the machine, for looking
// at it and copying out of it with ordinary tools. Jobs do not need it: they
// have the image as their root (package sandbox).
//
// [Serve] mounts and serves until the directory is unmounted or its context
// ends. [Start] does the same in a process of its own and returns when the
// files are there. A user without root is helped by the setuid program
// fusermount3, which distributions have in their package fuse3; jobs are not.
package hostmount
