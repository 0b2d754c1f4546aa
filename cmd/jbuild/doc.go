// Command jbuild makes container images in a user's own virtual machine.
//
// One file for each subcommand holds its flags, its call into vmtemplate, and what it
// prints. All texts come from the catalogue of package message; the language is settled
// before the commands exist, because their help is in it.
package main
