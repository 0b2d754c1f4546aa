// Package recipe turns what somebody did in a shell into a Dockerfile and a lock, so
// that an image that was made by hand can be made again.
//
// # Recording
//
// A Hook starts a shell so that it writes down each command: the text, the directory,
// when it began and ended, and its status. The record is a file of lines, to which each
// shell appends; a line is one event, with fields name=value between tabs, and a dot at
// its end:
//
//	1  start  shell=17  n=4  at=1775034300.125001  dir=/opt  text=apt-get install -y gcc  .
//	1  end    shell=17  at=1775034312.900173  status=0  dir=/opt  .
//
// A line without the dot was cut, by a kill or a full disk, and is passed over; each event
// begins with a line end, so that it does not continue such a line. Commands that jbuild
// itself runs (--run), and files that it brings in, are appended in the same form (Append,
// AppendCopy). A record that was begun with Begin has an ID, which it keeps when it is added
// to another: so whoever was killed meanwhile sees whether it was (ID, Holds).
//
// In bash and zsh the text is what the shell's history gets: as typed, with all lines of a
// here-document, after expansion of !! and the like. A bash that is started within the
// session records itself too, by way of an exported PROMPT_COMMAND. What is not recorded:
//
//   - what is done within other programs, also shells of other users (su -) and other
//     kinds: of them, only the files that changed are known;
//   - commands while the history is off (set +o history, a HISTCONTROL that is set by
//     hand): the recipe says that something is missing;
//   - bash before 4.4 knows when a command began only to the second.
//
// A POSIX shell such as dash or busybox's tells nobody what is typed, and $ENV can only
// set variables and functions. There, a script reads the lines and evaluates them. It has
// no editing of lines and no history (dash has none anyway); busybox's loses both. Lines
// that are no commands yet are found out with the shell's -n. A program that ignores the
// interrupt key cannot be told from one that does not.
//
// The record holds secrets that were typed. It belongs on a tmpfs; Redact makes what a
// workspace may keep.
//
// # From a record to a Dockerfile
//
// Build goes through the commands in order. It leaves out what only looks (ls, apt
// search), what failed, what was interrupted or never ended; and what holds a secret. Each
// change of the file system belongs to the command in whose time it falls; so the recipe
// can say what a command that is left out has changed all the same, and take over files
// that were written in an editor.
//
// A command becomes a RUN, in the WORKDIR where it was typed. Variables that were exported
// with known values become ENV. Any other state of the shell (variables, functions, an
// activated environment) begins a group: all that follows in that shell is one RUN, until
// the environment is left or the shell ends. Aliases are expanded, programs that would ask
// get the option not to, sudo is dropped. Where the text means something to bash only, the
// Dockerfile sets SHELL.
//
// A variable that was set by a command that is left out because of a secret is mounted as
// a secret where it is used: jbuild build --secret id=HF_TOKEN,src=FILE.
//
// # Invariants
//
// No text in which package secret finds something gets into a Dockerfile, a lock or a
// label; of a command that is left out for it, nothing does, not even its name. No file
// that change.Filter leaves out of images is copied in, nor one with findings.
//
// Comments are in the language of whoever makes the image.
package recipe
