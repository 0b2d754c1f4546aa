// Package jobscript writes job scripts for OpenPBS.
//
// # Two kinds of sites
//
// Where jrun's hook is installed (docs/pbs.md), a script names its image and everything
// in it runs inside:
//
//	#PBS -l container_image=registry.example.ac.jp/lab/cfd:1
//
// Elsewhere each command is put behind jrun:
//
//	jrun registry.example.ac.jp/lab/cfd:1 ./solver
//
// site.Job says which kind it is. A site that has its own habits gives a template (text/template),
// which gets Values.
//
// # What is safe
//
// What goes into a line of #PBS is checked, as a comma or an end of line there would be
// another resource or directive. The words of a command are quoted for the shell.
// Scripts are checked before they are written: what cannot be right is refused with
// an error that says why, not left to qsub.
package jobscript
