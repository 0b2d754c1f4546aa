// Package packer holds the templates for Packer: the machine, brought up to date inside the
// hypervisor that will run it, and with what a site adds.
package packer

import "embed"

// Templates are *.tmpl, of text/template with [[ and ]], since HCL has {{ of its own.
//
//go:embed *.tmpl
var Templates embed.FS
