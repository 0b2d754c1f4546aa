// Package trial runs an image that has not been uploaded exactly as jrun will run it on
// the compute servers: as one squashfs file, read-only, as the user, with jrun's own
// packages.
//
// The squashfs is made inside the user namespace, where the layers can be read (Make),
// and used outside of it, where the user is themselves (Run). It is kept with its block
// index, so that the next trial converts only what has changed since.
package trial
