// Package pbs is a batch system for tests. A [System] runs jobs: [Mom] does with one
// what pbs_mom does, as an ordinary user, in this process; [Real] hands it to the
// OpenPBS of this machine. The same scenarios run on both.
//
// What a Mom does was measured on OpenPBS 23.06.06: it asks the hook (with the
// stand-in of pbs/testdata for PBS's own Python module), starts the job's shell in a
// session of its own with "-" before its name, umask 077, in the home, with one line on
// its standard input that names the script; and tasks of the job, which ask for more
// of them through a pbs_tmrsh, likewise. To delete a job it sends SIGTERM and then
// SIGKILL to the processes of its sessions, but to no others.
package pbs
