package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/jrun-hpc/jrun/fault"
	"github.com/jrun-hpc/jrun/image/harbor"
)

// advised is an error with something to type, for those that packages return without: they
// know what they were at, and not what one does about it. Others stay as they are.
func advised(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, errReported) || errors.Is(err, context.Canceled) {
		return err
	}
	var asked *url.Error
	var network net.Error
	switch status := harbor.Status(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.New("Harbor refuses what jadm asks for", err, "see what it may do there: jadm doctor")
	case status != 0:
		return fault.New("Harbor has answered something else than expected", err, "see how Harbor is: jadm doctor\nand run it again: it goes on where it was")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fault.New("there is no room left", err, "make some: df -h\nand run it again: it goes on where it was")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.New("jadm may not write there, or read it", err, "run it as the account that owns the state directory: sudo -u jadm jadm …\nand see what is wrong: jadm doctor")
	case errors.As(err, &asked), errors.As(err, &network):
		return fault.New("somebody does not answer whom jadm has asked", err, "see who: jadm doctor\nand run it again: it goes on where it was")
	}
	return err
}
