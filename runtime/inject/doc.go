// Package inject says what of the host is put into a sandbox beside the image: an
// [Item] is a file, a directory, a device or a variable, where it comes from, where
// it goes, and why.
//
// Packages that decide (mpi, gpu) make lists of items and touch nothing; package
// launch mounts and sets what the list says, and `jrun explain` prints it. So what is
// printed is what is done, also on a machine where nothing is run.
//
// Variables need a rule, because the image and the user have a say, too: what the
// user sets with --env wins over a [Variable]; a [First] or [Last] goes before or
// behind what a list such as LD_LIBRARY_PATH has; an [Unset] takes away what the host
// has set, but not what the image or the user has.
package inject
