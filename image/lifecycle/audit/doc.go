// Package audit writes down every administrative act: who did what to whom, when,
// and how it ended.
//
// # The log
//
// An act is two entries with one ID: Begun, on the disk before anything is done, and
// Done or Failed. What only has begun was interrupted. An act that cannot be written
// down is not done. A Log is a Recorder; whatever changes something takes one.
//
//	err := recorder.Do(audit.Act{Action: "image.delete", Subject: ref, Reason: rule}, remove)
//
// # The files
//
//	audit.jsonl         the newest entries, one on a line, as JSON
//	audit.0001.jsonl    older ones, numbered from 1 (Rotate); nothing writes to them
//	audit.jsonl.head    number and hash of the last entry
//	audit.jsonl.lock    held by who appends
//
// Entries are numbered from 1 through all files, and each has the hash of the entry
// before it. So an entry that is changed, removed, added or moved breaks the chain, and
// Verify says at which line. The end of a chain can be cut off unseen; therefore the
// last entry is noted in a second file as well, after it is on the disk, and appending to
// a log that lacks the entry noted there is refused. Whoever can write to the log can
// write to that file, too: against them a Head must be kept where they cannot write
// (jadm audit head | logger, another machine), for Verify to expect.
//
// A line that a power cut has left half is none: nobody was told that it is there, and
// the next entry takes its place.
//
// # What it does not do
//
// It does not keep secrets out by itself: an Act holds none, which is the duty of who
// makes it. As a net below that, acts with a detail that is called a password, secret or
// token are refused, and logins in URLs and headers are masked.
package audit
