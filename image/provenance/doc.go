// Package provenance writes down what was run, so that somebody can say years
// later which bytes made a result, why those, and run them again.
//
// # A record
//
// A Record is one thing that was run: the image by its digest and how that digest
// was found out, the command, the options, the variables that change results, and
// the machine with what of it was inside. docs/provenance.md has its fields. It is written just before the
// program starts; how the program ended is not known to jrun, which has become it.
//
// # Jobs, runs, keys
//
// A job has one record for each different thing that it runs. Key is a hash of
// what the user asked for, and of nothing in which the ranks of one MPI program
// differ: not the node, the time, the GPU that a rank was given. So all ranks on
// all nodes have one name for the record; the first writes it, the others find it
// there and have nothing to do (store.RecordOnce). A loop over a hundred inputs in
// a job script gives a hundred records, and there it ends: more are not kept.
//
// # Environment
//
// Recorded are the variables that the user gave (-e, --env-file), and those of the
// host in a fixed list (variables.go) that change results without being seen in
// the command: threads, devices, libraries of communication, locale, time zone.
// Where the image sets one of the list, its value is recorded. The value of a variable whose name sounds like a secret is never written.
//
// # Reading
//
// Book reads records back. A record that cannot be read, because it was cut off by
// a full disk, or is of a newer jrun, is left out with a warning: it must not hide
// the others.
//
// The package knows neither registries nor namespaces; cmd/jrun fills in what they
// say. A failure to record must not stop a job, and it is the caller that sees to
// that.
package provenance
