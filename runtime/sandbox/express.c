// The express way into a sandbox, for all ranks of a job but the first: without
// starting Go.
//
// A process that asks for the same thing in the same circumstances as one before it
// gets the same answer. So the first offers its answer to the sandbox's holder,
// under a name made of everything that the answer depends on, and the others find
// it by that name: namespaces, command and what is to be done to the environment.
// Whatever fails on this way, Go starts as ever and goes the long one.
//
// Only within a batch job: elsewhere each command asks the registry anew.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "stage.h"

extern char **environ;

char jrun_express_name[JRUN_EXPRESS_NAME];

// FNV-1a, from two starts: names need to differ, they guard nothing.
struct print {
	uint64_t a, b;
};

static const struct print empty = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};

static void add(struct print *p, const void *bytes, size_t n)
{
	const unsigned char *c = bytes;
	for (size_t i = 0; i < n; i++) {
		p->a = (p->a ^ c[i]) * 0x100000001b3u;
		p->b = (p->b ^ c[i]) * 0x10000000233u;
	}
}

static void add_string(struct print *p, const char *s) { add(p, s, strlen(s) + 1); }

static void add_file(struct print *p, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		add_string(p, "-");
		return;
	}
	add(p, &st.st_dev, sizeof st.st_dev);
	add(p, &st.st_ino, sizeof st.st_ino);
	add(p, &st.st_size, sizeof st.st_size);
	add(p, &st.st_mtim, sizeof st.st_mtim);
}

static void add_link(struct print *p, const char *path)
{
	char target[64] = "";
	ssize_t n = readlink(path, target, sizeof target);
	if (n > 0)
		add(p, target, n);
}

// What jrun reads of the environment, and what packages gpu and mpi do.
static const char *const read_variables[] = {
	"HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LC_*", "XDG_*", "JRUN_*", "TERM", "TZ",
	"PBS_JOBID", "PBS_O_WORKDIR", "PBS_JOBDIR", "PBS_CONF_FILE", "PBS_NODEFILE", "SLURM_JOB_ID", "LSB_JOBID",
	"REGISTRY_AUTH_FILE", "CONTAINERS_*", "DOCKER_CONFIG",
	"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "NVIDIA_*",
	"PMIX_SERVER_*", "PMIX_SYSTEM_TMPDIR", "PMIX_MCA_*", "PMIX_SECURITY_MODE", "PMIX_GDS_MODULE", "PMIX_PTL_MODULE", "PMIX_VERSION",
	"PMIX_INSTALL_PREFIX", "PMIX_DSTORE_*", "PMI_JOBID", "SLURM_STEP_ID", "PALS_APINFO", "PALS_SPOOL_DIR",
	"MPI_HOME", "MPI_ROOT", "MPICH_DIR", "CRAY_MPICH_DIR", "I_MPI_ROOT", "OPAL_*", "PRTE_PREFIX", "UCX_MODULE_DIR",
	"FI_PROVIDER_PATH", "LD_LIBRARY_PATH", "PATH", NULL,
};

// Launchers set these, to other values for each process: only that they are there
// counts.
static const char *const launchers_variables[] = {
	"PMIX_RANK", "PMIX_NAMESPACE", "PMI_FD", "PMI_PORT", "PMI_RANK", "PMI2_RANK", "PALS_RANKID", "SLURM_PROCID",
	"OMPI_COMM_WORLD_RANK", "OMPI_FILE_LOCATION", "HYDI_CONTROL_FD", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", NULL,
};

static int matches(const char *const *patterns, const char *name, size_t n)
{
	for (; *patterns; patterns++) {
		size_t length = strlen(*patterns);
		if (length && (*patterns)[length - 1] == '*' ? n >= length - 1 && memcmp(name, *patterns, length - 1) == 0
		                                             : n == length && memcmp(name, *patterns, n) == 0)
			return 1;
	}
	return 0;
}

// As package batch has them; a test compares.
static const char *const batch_variables[] = {"PBS_JOBID", "SLURM_JOB_ID", "LSB_JOBID"};

static int in_batch_job(void)
{
	for (size_t i = 0; i < sizeof batch_variables / sizeof *batch_variables; i++) {
		const char *id = getenv(batch_variables[i]);
		if (id && *id)
			return 1;
	}
	return 0;
}

static void add_configuration(struct print *p)
{
	char path[PATH_MAX];
	const char *file = getenv("JRUN_CONFIG"), *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	add_file(p, "/etc/jrun/jrun.toml");
	if (file)
		snprintf(path, sizeof path, "%s", file);
	else if (dir && *dir)
		snprintf(path, sizeof path, "%s/jrun/jrun.toml", dir);
	else
		snprintf(path, sizeof path, "%s/.config/jrun/jrun.toml", home ? home : "");
	add_file(p, path);
}

// name_circumstances makes jrun_express_name. It returns 0 if there is none.
static int name_circumstances(int argc, char **argv)
{
	char cwd[PATH_MAX];
	if (!in_batch_job() || !getcwd(cwd, sizeof cwd))
		return 0;
	struct print p = empty, variables = {0, 0};
	unsigned ids[] = {getuid(), getgid()};
	add(&p, ids, sizeof ids);
	add_link(&p, "/proc/self/ns/user");
	add_link(&p, "/proc/self/ns/mnt");
	add_file(&p, "/proc/self/exe"); // another jrun may decide otherwise
	add_configuration(&p);
	add_string(&p, cwd);
	for (int i = 0; i < argc; i++)
		add_string(&p, argv[i]);
	for (char **e = environ; *e; e++) {
		size_t length = strcspn(*e, "=");
		struct print one = empty; // in any order
		if (matches(read_variables, *e, length))
			add_string(&one, *e);
		else if (matches(launchers_variables, *e, length))
			add(&one, *e, length);
		else
			continue;
		variables.a += one.a;
		variables.b += one.b;
	}
	add(&p, &variables, sizeof variables);
	snprintf(jrun_express_name, sizeof jrun_express_name, "jrun/%u/x%016llx%016llx", ids[0], (unsigned long long)p.a, (unsigned long long)p.b);
	return 1;
}

// ask returns U1, M2, U2 and the answer from a holder of the same user, or 0.
static int ask(int fds[4])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(jrun_express_name);
	memcpy(address.sun_path + 1, jrun_express_name, n);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), got = 0;
	struct ucred peer = {0, -1, -1};
	socklen_t length = sizeof peer;
	struct timeval patience = {.tv_sec = 10};
	char byte;
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	// connect(2) waits by the time for sending, should somebody else have the name and
	// let nobody in.
	if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	    connect(s, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + n) == 0 &&
	    getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == getuid() &&
	    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 && recvmsg(s, &message, MSG_CMSG_CLOEXEC) == 1) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(4 * sizeof(int))) {
			memcpy(fds, CMSG_DATA(c), 4 * sizeof(int));
			got = 1;
		}
	}
	if (s >= 0)
		close(s);
	return got;
}

// changed_environment is this process's, without what is of the host only, and with
// what the answer says.
static char **changed_environment(char **drop, char **keep, int clean, char **constants)
{
	size_t n = 0, count = 0;
	while (environ[n])
		n++;
	for (char **c = constants; *c; c++)
		n++;
	char **list = calloc(n + 1, sizeof *list);
	if (!list)
		return NULL;
	for (char **e = environ; *e; e++) {
		size_t length = strcspn(*e, "=");
		int overridden = length == 0 || !(*e)[length];
		for (char **c = constants; *c && !overridden; c++)
			overridden = strncmp(*c, *e, length + 1) == 0;
		if (!overridden && !matches((const char *const *)drop, *e, length) && (!clean || matches((const char *const *)keep, *e, length)))
			list[count++] = *e;
	}
	for (char **c = constants; *c; c++)
		list[count++] = *c;
	return list;
}

void jrun_express(int argc, char **argv)
{
	int fds[4];
	if (!name_circumstances(argc, argv) || !ask(fds))
		return;
	struct stat st;
	char *answer = MAP_FAILED;
	if (fstat(fds[3], &st) == 0 && st.st_size > 1)
		answer = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fds[3], 0);
	if (answer == MAP_FAILED || answer[st.st_size - 1] != 0)
		return;
	char *cursor = answer;
	char *directory = jrun_next_string(&cursor), *program = jrun_next_string(&cursor);
	char **args = jrun_next_list(&cursor), **drop = jrun_next_list(&cursor), **keep = jrun_next_list(&cursor);
	int clean = atoi(jrun_next_string(&cursor));
	char **env = changed_environment(drop, keep, clean, jrun_next_list(&cursor));
	if (!env)
		return;
	jrun_words = jrun_next_list(&cursor);
	close(fds[3]);
	jrun_enter(fds[0], fds[1], fds[2], directory);
	jrun_become(program, args, env);
}
