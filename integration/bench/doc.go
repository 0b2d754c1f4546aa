// Command bench measures jrun against what people use today and prints the
// Markdown tables of docs/benchmarks.md. `make bench` installs the peers,
// builds jrun and starts it.
//
// Everything runs as an ordinary user, but for the kernel's own squashfs mount.
// Each measured command is started by a child of this program that counts:
// it collects every descendant, also those that turned into daemons, and adds
// up what wait4(2) says of their CPU time. Rounds are interleaved, so that a
// slow minute of the machine hits all contestants; medians are printed.
package main
