// Command jrun runs programs inside container images on shared compute servers,
// as the user who called it. `jrun --help` is the manual.
//
// Each subcommand is a file: its flags, the calls into the packages below, and
// what it prints. Root.go puts them together; the short form, `jrun IMAGE
// COMMAND`, is the root command itself. Global.go and config.go find the store
// and the configuration: a flag wins over the environment, that over the user's
// jrun.toml, that over the site's.
//
// Main runs the stages of package sandbox before anything else, because this
// program is also its own helper; and it is the only place that exits. Errors
// travel up as values and are printed once, in the language of
// the environment (package fault/language).
//
// What a program may read goes to standard output: digests, tables, JSON.
// Progress and errors go to standard error.
package main
