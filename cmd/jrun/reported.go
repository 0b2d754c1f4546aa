package main

import "errors"

// errReported is returned by commands that have told everything themselves.
var errReported = errors.New("the failure has been reported")
