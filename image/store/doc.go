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
//	    refs/<sha256 of name>.json  a name and the digest it stood for, and when
//	    aliases/<index>.<platform>  index digest → digest of the instance
//	    leases/<stem>@<random>.use  a running job uses the object; <stem>.used has
//	                                the time of the last use
//	    leases/<what>.<n>.claim     somebody is at some work
//	    pins/<stem>.json            the object must stay, and why
//	    deleted/<time>-<stem>/      an object that can be had back
//	    jobs/<job>/<name>.json      what a name stands for in a job
//	    notes/<kind>-<name>.json    what was found out, to spare a request
//	    records/<month>/<job>/<key>.json  what was run (package provenance)
//	  site/                         see site.go
//	    <registry>/<project>/       a realm like a user's, of the service account
//
// Temporary files are called .converting-WHAT@OWNER@RANDOM, in any directory.
//
// # Invariants
//
//   - An object is visible when its .sqfs has its final name, and then it is
//     complete: the bytes are written to a temporary file in the same directory,
//     synced, and renamed; the .json and .index are already there; the directory
//     is synced last. Nothing is ever modified in place.
//   - References are written after the object they name, so that a name never
//     leads to nothing but after a removal. Whoever looks a name up treats an
//     object that is gone as a name that is gone.
//   - Correctness never depends on a lock, nor on there being only one maker: two
//     that make one digest each write files of their own, and whoever is second
//     finds the object there, or replaces a file by an equal one. Claims only save
//     the second one the work (claim.go).
//   - What several hosts must agree on (claims, what a name is in a job) is decided
//     by link(2), which a file server does once. An answer that was lost, so that
//     the caller is told that the name exists, is recognised: the file is ours.
//   - A removed object is renamed, with its files, and removed for good only later
//     and while nobody has a lease on it: who has it open reads on, on any host.
//     Collection takes the name away first and looks for leases then; a job takes
//     its lease first and looks for the name then. One of them sees the other.
//   - Temporary files tell their owner (package presence). What is of a dead
//     process of this machine is swept by the next that makes something; of
//     another machine when its claim is dead, or after a day.
//   - Meta.Sums has a sum of every chunk of the .sqfs, taken as it was written:
//     Verify finds any flipped bit.
//   - A realm that belongs to somebody else, or that others may write, is
//     refused, and so is such an object: nobody can feed a user an image.
//
// Locks of the file system are not used at all, and no two clocks are compared for
// anything shorter than two minutes.
//
// The package knows nothing of registries or of squashfs; package image fetches
// and converts.
package store
