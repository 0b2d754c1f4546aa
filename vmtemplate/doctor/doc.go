// Package doctor finds out whether a machine can make images: whether it gives its users
// namespaces, whether the registry answers, whether it looks after itself. What it finds is
// in no language; each Finding says what to do.
//
// A check does what jbuild would do, where it can: a namespace is entered, the registry is
// asked. A Machine has everything that checks look at, so that tests can have another one.
package doctor
