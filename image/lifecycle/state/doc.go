// Package state keeps small documents in a directory of the machine, each a JSON file
// that is replaced as a whole: whoever reads finds the old or the new one, after any
// kill or power cut.
//
//	DIR/<kind>/<name>.json     one document; the name is escaped (see Dir.file)
//	DIR/<kind>/.lock           held by who changes documents of the kind
//	DIR/<kind>/.new-*          a document that is being written; who was killed at it has
//	                           left it, and the next process removes it (Tidy)
//
// The directory is of one machine's own disk (/var/lib/jadm): Lock is flock(2).
// Several processes may use it, such as jadm serve and a jadm that somebody types.
package state
