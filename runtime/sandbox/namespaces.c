// The holder stage: from an ordinary process to a daemon in the outer user
// namespace U1 and mount namespace M1, with FUSE mounted and the inner user
// namespace U2 made. The probe stage does the same steps and reports each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

int jrun_fuse_fd = -1;
int jrun_inner_userns_fd = -1;

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? -1 : 0;
}

// map_ids maps one uid and one gid of the calling process's new user
// namespace; without privilege that is all the kernel allows (user_namespaces(7)).
static const char *map_ids(unsigned inside_uid, unsigned outside_uid, unsigned inside_gid, unsigned outside_gid)
{
	char line[64];
	if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return "setgroups";
	snprintf(line, sizeof line, "%u %u 1\n", inside_uid, outside_uid);
	if (write_file("/proc/self/uid_map", line) < 0)
		return "uid_map";
	snprintf(line, sizeof line, "%u %u 1\n", inside_gid, outside_gid);
	if (write_file("/proc/self/gid_map", line) < 0)
		return "gid_map";
	return NULL;
}

const char *jrun_outer_namespace(unsigned uid, unsigned gid)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return "userns";
	const char *step = map_ids(0, uid, 0, gid);
	if (step)
		return step;
	if (unshare(CLONE_NEWNS) < 0)
		return "mountns";
	// Mounts that appear on the host later (automounted homes) still reach
	// us; ours never reach the host.
	if (mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return "propagation";
	return NULL;
}

const char *jrun_mount_fuse(const char *dir)
{
	char path[4096], options[128];
	if (mount("jrun", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return "tmpfs";
	snprintf(path, sizeof path, "%s/root", dir);
	if (mkdir(path, 0755) < 0)
		return "tmpfs";
	// Opened inside U1: the kernel refuses a connection from outside it.
	jrun_fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (jrun_fuse_fd < 0)
		return "devfuse";
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions", jrun_fuse_fd);
	if (mount("jrun", path, "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, options) < 0)
		return "fuse";
	return NULL;
}

// jrun_inner_namespace makes U2, in which the job sees its own uid, and keeps
// it by a descriptor: the child that made it ends at once.
const char *jrun_inner_namespace(unsigned uid, unsigned gid)
{
	int ready[2], go[2];
	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		return "pipe";
	pid_t child = fork();
	if (child < 0)
		return "fork";
	if (child == 0) {
		char c = 0;
		close(ready[0]);
		close(go[1]);
		if (unshare(CLONE_NEWUSER) < 0 || map_ids(uid, 0, gid, 0) != NULL)
			c = (char)errno;
		if (write(ready[1], &c, 1) == 1)
			(void)!read(go[0], &c, 1);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	char c = EIO, path[64];
	(void)!read(ready[0], &c, 1);
	int failed = c;
	if (!failed) {
		snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
		jrun_inner_userns_fd = open(path, O_RDONLY | O_CLOEXEC);
		failed = jrun_inner_userns_fd < 0 ? errno : 0;
	}
	close(go[1]);
	close(ready[0]);
	waitpid(child, NULL, 0);
	errno = failed;
	return failed ? "innerns" : NULL;
}

// report tells the process that waits for the holder which step failed.
static void report(int fd, const char *step)
{
	char line[64];
	int n = snprintf(line, sizeof line, "%s %d\n", step, errno);
	(void)!write(fd, line, n);
}

// close_inherited closes what the rank that starts us got from its launcher, such as
// the sockets of PMI: the launcher must see the end of a rank, although we live on.
static void close_inherited(void)
{
	unsigned first = HOLDER_LEASE_FD + 1;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	long most = sysconf(_SC_OPEN_MAX); // before Linux 5.9
	for (long fd = first; fd < (most > 0 && most < 65536 ? most : 65536); fd++)
		close(fd);
}

// argv: "jrun-holder" uid gid inner-uid inner-gid mount-directory
void jrun_stage_holder(char **argv)
{
	unsigned uid = strtoul(argv[1], NULL, 10), gid = strtoul(argv[2], NULL, 10);
	unsigned inner_uid = strtoul(argv[3], NULL, 10), inner_gid = strtoul(argv[4], NULL, 10);

	// The job must not have to wait() for us, nor share its session: PBS
	// kills by session, and a terminal's Ctrl-C is for the job.
	pid_t child = fork();
	if (child != 0)
		_exit(child < 0 ? 1 : 0);
	setsid();
	close_inherited();
	prctl(PR_SET_NAME, "jrun-holder");
	prctl(PR_SET_TIMERSLACK, JRUN_SERVER_TIMERSLACK, 0, 0, 0);
	if (chdir("/") < 0)
		_exit(1);

	// The rank that starts us may be pinned to one core; its readers are not.
	cpu_set_t all;
	memset(&all, 0xff, sizeof all);
	sched_setaffinity(0, sizeof all, &all);

	const char *step = jrun_outer_namespace(uid, gid);
	if (!step)
		step = jrun_mount_fuse(argv[5]);
	if (!step)
		step = jrun_inner_namespace(inner_uid, inner_gid);
	if (step) {
		report(HOLDER_STATUS_FD, step);
		_exit(1);
	}
}

// argv: "jrun-probe" uid gid mount-directory. Prints one line a step to
// stdout, "NAME ERRNO", and stops at the first that fails.
void jrun_stage_probe(char **argv)
{
	unsigned uid = strtoul(argv[1], NULL, 10), gid = strtoul(argv[2], NULL, 10);
	const char *step = jrun_outer_namespace(uid, gid);
	if (!step)
		step = jrun_mount_fuse(argv[3]);
	if (!step)
		step = jrun_inner_namespace(uid, gid);
	if (step) {
		report(1, step);
		_exit(1);
	}
	errno = 0;
	report(1, "ok");
	_exit(0);
}
