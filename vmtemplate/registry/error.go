package registry

import (
	"errors"
	"net/url"
	"strings"
)

var (
	errTooLong    = errors.New("the answer is too long")
	errNoLocation = errors.New("the registry does not say where to go on")
	errUnsafe     = errors.New("the registry refers to a host without TLS")

	// ErrStalled is wrapped by errors about a request on which nothing moved.
	ErrStalled = errors.New("nothing has moved for too long")
)

// Status is the HTTP status of the refusal in err; 0 when err is none.
func Status(err error) int {
	var refused *RefusalError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// withoutQuery shortens the address in an error of net/http: an upload's has a state
// of some hundred letters that is for the registry alone.
func withoutQuery(err error) error {
	var at *url.Error
	if !errors.As(err, &at) {
		return err
	}
	short := *at
	short.URL, _, _ = strings.Cut(short.URL, "?")
	return &short
}
