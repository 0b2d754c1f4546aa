// Package inventory says which packages a file system has: those of the distribution,
// and those of the package managers that people use beside it.
//
// # Reading
//
// Read looks at files only. No program of the file system is run: it may be another
// machine's, and may be hostile. Symbolic links are followed as a process would that has
// the file system as its root (openat2, RESOLVE_IN_ROOT), so none leads out of it. What
// is read of one file, of one directory and altogether is bounded; what is beyond, or
// cannot be understood, is missing from the inventory, and no error: an image with a
// broken database is an image all the same. Read fails only when it cannot read the root.
//
// Databases are where their managers put them; libraries of languages may be anywhere
// (a venv in /opt, an environment of conda in a home), so the whole tree is walked for
// directories that are called as these are: site-packages, conda-meta, site-library.
//
// # Comparing
//
// Compare is the question of a replay: what is there now, and what was there then? A
// package is the same if manager, place and name are; then its version may differ.
//
// # What it does not know
//
// Programs that were compiled by hand, or copied; packages of Go, Rust and Java, which
// leave no list behind; old databases of rpm (Berkeley DB, before RHEL 9 and Fedora 33).
package inventory
