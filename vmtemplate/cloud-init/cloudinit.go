// Package cloudinit holds the templates of what cloud-init reads at a machine's first start.
package cloudinit

import _ "embed"

// UserData is user-data, a template of text/template; package vm gives it a person.
//
//go:embed user-data.tmpl
var UserData string

// MetaData is meta-data, for seed disks.
//
//go:embed meta-data.tmpl
var MetaData string
