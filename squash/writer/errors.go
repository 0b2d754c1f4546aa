package writer

import (
	"errors"
	"fmt"
)

// ErrTar is wrapped by every error that means "this layer is not a valid tar
// archive, or holds something that no file system can": as opposed to errors
// of the stream itself (which pass through) and of writing.
var ErrTar = errors.New("invalid layer tar")

// ErrTooManyIDs says that the image needs more distinct owners and groups than
// the format can hold.
var ErrTooManyIDs = errors.New("too many distinct uids and gids for squashfs")

// TarError says which entry of which layer is invalid. It wraps ErrTar and,
// where there is one, the cause.
type TarError struct {
	Layer  int    // index, the lowest layer is 0
	Entry  string // name as in the tar; empty when no header could be read
	Reason string
	Cause  error // may be nil
}

func (e *TarError) Error() string {
	msg := fmt.Sprintf("%v: layer %d", ErrTar, e.Layer)
	if e.Entry != "" {
		msg += fmt.Sprintf(": entry %q", shorten(e.Entry))
	}
	msg += ": " + e.Reason
	if e.Cause != nil {
		msg += ": " + e.Cause.Error()
	}
	return msg
}

// Unwrap returns ErrTar and the cause.
func (e *TarError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrTar}
	}
	return []error{ErrTar, e.Cause}
}

// shorten keeps a hostile name from filling a terminal.
func shorten(name string) string {
	const limit = 200 // bytes
	if len(name) <= limit {
		return name
	}
	return name[:limit] + "…"
}
