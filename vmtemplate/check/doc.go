// Package check says whether an image will run under jrun on the compute servers, what
// will be different there, and where its bytes are.
//
// # Use
//
//	tree, err := check.OpenDirectory(root)          // a workspace's mounted root
//	tree := check.OpenSquash(r)                     // or a squashfs file, by squash/reader
//	report, err := check.Examine(ctx, check.Image{Files: tree, Config: config, Site: site})
//	if !report.Runs() { … }
//	json.Marshal(report.In(printer))
//
// The image is walked once, whatever is asked of it; after that single files are read.
// Nothing in it is executed, and no link of it leads out of it.
//
// # What matters under jrun
//
// A job is its user and never root. Every file of the image belongs to that user,
// whoever owned it, so of a mode only the owner's three bits count: a file that only
// root can read elsewhere (0600, 0640, or below a directory with 0700) is readable, and
// the ones that are not are those with 0000 or 0044, of which root takes no notice while
// the image is made. No bit or capability makes a program root.
//
// The image is read-only. What programs write beside themselves they cannot write;
// Python compiles its packages anew in every process if that was not done before.
//
// $HOME is the user's own directory on the servers, shown under its own name. What was
// installed into /root is in the image, but nobody looks for it there unless a variable
// of the image says so; what is in /home/NAME is covered for the user of that name. /tmp
// and /var/tmp are the servers'. What is missing for a user to be somebody (/etc/passwd,
// /etc/group, mount points) jrun adds, so nothing is said of it.
//
// Variables of the image win over the job's, so one that says what a job was given
// (TMPDIR, OMP_NUM_THREADS, CUDA_VISIBLE_DEVICES) says it wrongly. HOME, USER, LOGNAME
// and SHELL are always the user's. The entry point is only run when no command is given.
//
// The image's MPI and CUDA are compared with what jbuild.toml says of the servers, by
// the rules of runtime/mpi and docs/gpu.md as far as they follow from versions; what
// nobody has settled is not judged.
//
// # Findings
//
// A Finding blocks (jobs cannot start), warns (something will not work) or advises. It
// names at most eight paths and counts the rest, and says what to type. IDs are stable.
//
// # Size
//
// The tree of the largest directories has at most 15 lines: the largest directory below
// one that is shown is shown next, and a directory that is nearly all of another takes
// its line. The compressed size is estimated from 160 samples at equal distances.
// Contents of the same size are compared until a gigabyte is read.
//
// # What it does not do
//
// It does not look for symbols that a library lacks, does not know what a program
// writes, and takes the image's names at their word: a static MPI, a CUDA library of
// another name are not seen. Secrets are package secret's.
package check
