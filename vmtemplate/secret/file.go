package secret

import "io"

// Finding is a place that looks like a secret.
type Finding struct {
	Path string
	Line int
	Kind Kind
}

// InFile looks for secrets.
func InFile(path string, r io.Reader) []Finding { return nil }
