// Package launch turns "this image, this command, these options" into a
// running job: it decides what the job sees by default, who it is, where it
// stands and what its environment is, and then hands over to package sandbox.
//
// Inside by default: the home, the current directory, /tmp, the directory of
// $TMPDIR, /etc/resolv.conf, hosts and localtime of the host; /dev, /proc and
// /sys come from the sandbox. A user's bind at the same place wins. A current
// directory that belongs to the system (such as /usr/lib) is not shown, because
// it would hide the image's own.
//
// The working directory is --workdir; or, when the image's own command runs,
// the image's WORKDIR; or else the caller's. The command is what the caller
// gave; or, when nothing was given, the image's ENTRYPOINT and CMD. A given
// command replaces both, unlike in docker-run(1), because a job script says
// what it wants to run; --entrypoint brings Docker's rule back.
//
// The environment's rules are those of package identity.
package launch
