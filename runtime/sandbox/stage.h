// The parts of a sandbox that must happen while the process has one thread,
// so before Go starts. See stage.c for the stages and doc.go for the road.
#ifndef JRUN_STAGE_H
#define JRUN_STAGE_H

// Descriptors that a holder inherits; holder.go has the same list.
enum {
	HOLDER_STATUS_FD = 3, // write end: why the holder could not start
	HOLDER_LISTEN_FD = 4, // the listening socket
	HOLDER_PLAN_FD = 5,   // the plan, JSON
	HOLDER_IMAGE_FD = 6,  // the squashfs file
	HOLDER_SPAWNER_FD = 7, // pidfd of the process that started the holder
	HOLDER_LEASE_FD = 8 // the lease on the image, or /dev/null
};

// Descriptors that a builder inherits; builder.go has the same list.
enum {
	BUILDER_SOCKET_FD = 3, // where M2 goes
	BUILDER_PLAN_FD = 4,
};

// The holder's timer slack in nanoseconds, which is [fusefs.TimerSlack].
enum { JRUN_SERVER_TIMERSLACK = 1000000 };

// The kernel's default, which a builder has in place of the holder's.
enum { JRUN_ORDINARY_TIMERSLACK = 50000 };

// Filled by the holder stage for Go: the FUSE connection and the user
// namespace that the job runs in.
extern int jrun_fuse_fd;
extern int jrun_inner_userns_fd;

// The builder, the socket on which it sends M2, and what it says of a failure.
extern int jrun_builder_pid, jrun_builder_fd, jrun_builder_said_fd;

// What the caller of jrun had done with signals before Go took them over:
// ignored[n] and blocked[n] are '1' or '0' for signal n+1.
enum { JRUN_SIGNALS = 64 };
extern char jrun_ignored_signals[JRUN_SIGNALS + 1];
extern char jrun_blocked_signals[JRUN_SIGNALS + 1];

void jrun_stage_join(int plan_fd) __attribute__((noreturn));

// Parts of joining: the descriptors are closed; errors are told on stderr and end
// the process.
void jrun_enter(int u1, int m2, int u2, const char *directory);
void jrun_become(const char *program, char **argv, char **envp) __attribute__((noreturn));
extern char **jrun_words; // what errors are told in, see join.c
char *jrun_next_string(char **cursor);
char **jrun_next_list(char **cursor);

// The name of the socket at which a holder serves processes of a batch job that
// are like this one (see express.c); empty outside of batch jobs.
enum { JRUN_EXPRESS_NAME = 96 };
extern char jrun_express_name[JRUN_EXPRESS_NAME];
void jrun_express(int argc, char **argv);
void jrun_stage_holder(char **argv);
void jrun_stage_probe(char **argv) __attribute__((noreturn));

// Creates the outer user namespace and a mount namespace, and mounts FUSE at
// dir/root on a tmpfs at dir. Returns NULL, or the name of the step that failed
// with errno set.
const char *jrun_outer_namespace(unsigned uid, unsigned gid);
const char *jrun_mount_fuse(const char *dir);
const char *jrun_inner_namespace(unsigned uid, unsigned gid);

#endif
