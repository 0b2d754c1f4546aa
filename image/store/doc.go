// Package store keeps converted images: plain squashfs files on shared storage,
// named by the digest of the manifest they were made from.
//
// # Layout
//
//	STORE/
//	  user/<uid>/                   0700; written by that user's own jobs only
//	    objects/sha256-<hex>.sqfs   the image, write-once
//	    objects/sha256-<hex>.json   what it is (Meta), published before it
//	    objects/sha256-<hex>.index  its block index (squash/writer), the same;
//	                                objects of old versions have none
//	    objects/.converting-*       being made; see below
//	    refs/<sha256 of name>.json  a name and the digest it stood for, and when
//	    aliases/<index>.<platform>  index digest → digest of the instance
//	    records/<month>/<job>/<key>.json  what was run (package provenance)
//
// Only the user realm exists yet; STORE/site is reserved for objects that a
// service account publishes for everybody.
//
// # Invariants
//
//   - An object is visible when its .sqfs has its final name, and then it is
//     complete: the bytes are written to a .converting- file in the same
//     directory, synced, and renamed; the .json and .index are already there; the
//     directory is synced last. Nothing is ever modified in place.
//   - References are written after the object they name, so that a name never
//     leads to nothing but after a removal. Whoever looks a name up treats an
//     object that is gone as a name that is gone.
//   - Correctness never depends on a lock. Two processes that make one digest
//     each write a file of their own and the later rename replaces a file by an
//     equal one. A lock (flock on a .converting-….lock file) only saves the
//     second one the work: it waits, and finds the object made.
//   - Every .converting- file is flocked by its owner as long as it lives. A
//     file whose lock can be had has a dead owner and is swept by the next
//     process that makes something. Names carry the host, because a lock may be
//     local to one host on network storage: another host's file is swept only
//     when it has not been written to for a day as well.
//   - Meta.Sums has a sum of every chunk of the .sqfs, taken as it was written:
//     Verify finds any flipped bit.
//   - A realm that belongs to somebody else, or that others may write, is
//     refused, and so is such an object: nobody can feed a user an image.
//
// The package knows nothing of registries or of squashfs; package image fetches
// and converts.
package store
