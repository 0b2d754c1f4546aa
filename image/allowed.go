package image

import (
	"strings"

	"github.com/jrun-hpc/jrun/fault"
)

// allowed checks a qualified reference against Options.AllowedRegistries.
func (c *Client) allowed(ref Reference) error {
	if len(c.opts.AllowedRegistries) == 0 {
		return nil
	}
	name := ref.name.Name()
	for _, prefix := range c.opts.AllowedRegistries {
		prefix = strings.TrimSuffix(prefix, "/")
		if name == prefix || strings.HasPrefix(name, prefix+"/") {
			return nil
		}
	}
	return fault.Newf(fault.Because("%w: allowed_registries has only %s", ErrForbidden, strings.Join(c.opts.AllowedRegistries, ", ")),
		"use an image of one of these, or copy yours there\nor ask the administrator", "images of %s are not to be used here", name)
}
