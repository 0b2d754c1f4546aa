// Package torture makes an image that is hard to merge: every rule of the OCI
// layer format, of tar's dialects and of squashfs's limits that has a corner is
// in it, each in a directory of its own.
//
// [Layers] returns the layers as uncompressed tars, lowest first, always the
// same bytes. [Expected] returns what the merged image has to hold; it is
// written down by hand beside what the layers do, not computed from them.
// [Walk] reads the same description from a directory, so that a mounted or
// unpacked image is checked by comparing two maps.
//
// A scenario is a name and a list of layers; the paths in it are relative to
// the directory that has the scenario's name.
package torture
