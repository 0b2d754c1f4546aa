// Package workshop is what one does with workspaces, as people think of it: work in
// one, see what has changed, get its recipe, upload it. It puts together what packages
// workspace, recipe, inventory, secret, upload and bases each know a part of, for the
// commands and for the guided session alike.
//
// # What is recorded
//
// A shell records what is typed in it (package recipe), into a file in a directory of
// the machine that a reboot empties, because there may be passwords in it. When the
// session ends, or the next one begins after a kill, the record is added to the
// workspace's own without them; once, whenever jbuild is killed meanwhile. Commands that
// are given to jbuild run, and files that are copied in, are recorded in the same way.
// While a shell runs, its record stays the shell's, and is read as it is so far.
//
// # What goes up
//
// The base's layers under the digests that they were pulled with, and one layer with
// what was changed; in the labels the Dockerfile and the lock. What change.Filter names,
// and files that the user has said should stay out, do not go up.
package workshop
