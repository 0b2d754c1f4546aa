// Package aria holds the templates for VMware Aria Automation (formerly vRealize Automation;
// VCF Automation since): a catalogue item, its lease, and what may be done with it later.
package aria

import "embed"

// Templates are *.tmpl, of text/template with [[ and ]], since Aria has ${…} and cloud-init {…}.
//
//go:embed *.tmpl
var Templates embed.FS
