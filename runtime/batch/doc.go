// Package batch knows by which variables a batch system tells a process its job. They
// are asked for in several places: to name a sandbox, a record, an answer of the
// registry. All must mean the same job, so there is one list.
//
// The express way of ranks (runtime/sandbox/express.c) comes before Go and has a copy; a
// test there compares the two.
package batch
