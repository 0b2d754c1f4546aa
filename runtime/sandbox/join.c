// The join stage: the process that the user or PBS started becomes the command,
// inside the sandbox, keeping pid, session, cgroup, affinity and umask.
//
// The plan is a file of NUL-terminated strings: the descriptors of U1, M2 and U2,
// the signals that the caller ignored and blocked, the working directory, the
// program, the number of arguments, the arguments, the number of environment
// entries, the entries, and in the same way the words: a text in English, the same in
// the reader's language, and so on; none for English. enter.go writes it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage.h"

enum { EXIT_FAILED = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

char **jrun_words;

// in_words is an English text in the reader's language. package fault/language has it,
// and its test reads the texts out of the calls of fail.
static const char *in_words(const char *english)
{
	for (char **w = jrun_words; w && w[0] && w[1]; w += 2)
		if (strcmp(w[0], english) == 0)
			return w[1];
	return english;
}

static void fail(int code, const char *why, const char *next, const char *what, ...)
{
	va_list args;
	va_start(args, what);
	dprintf(2, "jrun: ");
	vdprintf(2, in_words(what), args);
	va_end(args);
	dprintf(2, "\n  %s %s\n  %s %s\n", in_words("why: "), in_words(why), in_words("next:"), in_words(next));
	_exit(code);
}

char *jrun_next_string(char **cursor)
{
	char *s = *cursor;
	*cursor += strlen(s) + 1;
	return s;
}

char **jrun_next_list(char **cursor)
{
	int n = atoi(jrun_next_string(cursor));
	char **list = calloc(n + 1, sizeof *list);
	if (!list)
		fail(EXIT_FAILED, strerror(errno), "free some memory and try again", "cannot start the command");
	for (int i = 0; i < n; i++)
		list[i] = jrun_next_string(cursor);
	return list;
}

static void enter(int fd, int type, const char *name)
{
	if (setns(fd, type) < 0)
		fail(EXIT_FAILED, strerror(errno), "run 'jrun doctor'", "cannot enter the sandbox's %s namespace", name);
	close(fd);
}

// A file that exists and yet is "not found" lacks its interpreter.
static void fail_exec(const char *path, int error)
{
	unsigned char head[4] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int elf = fd >= 0 && read(fd, head, 4) == 4 && memcmp(head, "\177ELF", 4) == 0;
	if (fd >= 0)
		close(fd);
	if (error == ENOENT)
		fail(EXIT_NOT_FOUND, elf ? "its dynamic loader is not in the image" : "the interpreter named in its '#!' line is not in the image",
			"use a command that was built for this image, or an image that has what it needs",
			"cannot run '%s'", path);
	if (error == ENOEXEC && elf)
		fail(EXIT_NOT_EXECUTABLE, "it was built for another processor architecture",
			"use a program built for this machine ('uname -m')", "cannot run '%s'", path);
	struct stat st;
	if (error == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		fail(EXIT_NOT_EXECUTABLE, "it is a directory", "name a program inside it", "cannot run '%s'", path);
	if (error == EACCES)
		fail(EXIT_NOT_EXECUTABLE, "it is not executable", "'chmod +x' it, or start it through its interpreter ('sh FILE', 'python3 FILE')",
			"cannot run '%s'", path);
	fail(EXIT_NOT_EXECUTABLE, strerror(error), "see why with 'jrun shell IMAGE'", "cannot run '%s'", path);
}

// try_exec returns only if path does not exist or may not be run; errno says.
// As execvp(3) does, a text file without '#!' is given to /bin/sh.
static void try_exec(const char *path, char **argv, char **envp)
{
	execve(path, argv, envp);
	int error = errno;
	if (error == ENOEXEC) {
		unsigned char head[4] = {0};
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, head, 4) : -1;
		if (fd >= 0)
			close(fd);
		if (n >= 0 && memchr(head, 0, n) == NULL && memcmp(head, "\177ELF", 4) != 0) {
			int argc = 0;
			while (argv[argc])
				argc++;
			char **script = calloc(argc + 2, sizeof *script);
			if (script) {
				script[0] = "/bin/sh";
				script[1] = (char *)path;
				for (int i = 1; i < argc; i++)
					script[i + 1] = argv[i];
				execve(script[0], script, envp);
			}
		}
	}
	struct stat st;
	if (error != ENOENT && error != ENOTDIR && error != EACCES)
		fail_exec(path, error);
	if (error == ENOENT && stat(path, &st) == 0)
		fail_exec(path, error);
	errno = error;
}

static void search_and_exec(const char *name, char **argv, char **envp)
{
	const char *search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	if (strchr(name, '/')) {
		try_exec(name, argv, envp);
		if (errno == EACCES)
			fail_exec(name, errno);
		fail(EXIT_NOT_FOUND, "there is no such file in the image or among the directories shown inside",
			"look with 'jrun shell IMAGE', or bind the directory with -B", "cannot find the command '%s'", name);
	}
	for (char **e = envp; *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0)
			search = *e + 5;
	char denied[4096] = "", path[4096];
	for (const char *p = search; *name;) {
		const char *end = strchrnul(p, ':');
		int n = snprintf(path, sizeof path, "%.*s%s%s", (int)(end - p), p, end == p ? "" : "/", name);
		if (n > 0 && n < (int)sizeof path) {
			try_exec(path, argv, envp);
			if (errno == EACCES && !*denied)
				memcpy(denied, path, sizeof denied);
		}
		if (!*end)
			break;
		p = end + 1;
	}
	if (*denied)
		fail_exec(denied, EACCES);
	fail(EXIT_NOT_FOUND, "it is in none of the directories of PATH inside the image",
		"list them with 'jrun run IMAGE sh -c \"echo $PATH\"', or give the full path", "cannot find the command '%s'", name);
}

static void restore_signals(const char *ignored, const char *blocked)
{
	sigset_t set;
	sigemptyset(&set);
	for (int n = 1; n <= JRUN_SIGNALS; n++) {
		signal(n, ignored[n - 1] == '1' ? SIG_IGN : SIG_DFL); // fails harmlessly for KILL and STOP
		if (blocked[n - 1] == '1')
			sigaddset(&set, n);
	}
	sigprocmask(SIG_SETMASK, &set, NULL);
}

void jrun_enter(int u1, int m2, int u2, const char *directory)
{
	enter(u1, CLONE_NEWUSER, "outer user"); // gives the right to enter M2
	enter(m2, CLONE_NEWNS, "mount");
	enter(u2, CLONE_NEWUSER, "inner user"); // the caller's own uid again, no privilege
	if (chdir(directory) < 0)
		fail(EXIT_FAILED, strerror(errno), "choose a directory that is there with '-w DIR', or show it inside with '-B DIR'",
			"cannot use '%s' as the working directory inside the image", directory);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(EXIT_FAILED, strerror(errno), "run 'jrun doctor'", "cannot give up the right to gain privileges");
}

void jrun_become(const char *program, char **argv, char **envp)
{
	search_and_exec(program, argv, envp);
	_exit(EXIT_NOT_FOUND);
}

void jrun_stage_join(int plan_fd)
{
	struct stat st;
	if (fstat(plan_fd, &st) < 0 || st.st_size < 2)
		fail(EXIT_FAILED, "jrun-join is started by jrun itself", "use 'jrun run'", "there is no plan to join by");
	char *plan = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, plan_fd, 0);
	if (plan == MAP_FAILED || plan[st.st_size - 1] != 0)
		fail(EXIT_FAILED, strerror(errno), "use 'jrun run'", "cannot read the plan to join by");
	close(plan_fd);

	char *cursor = plan;
	int u1 = atoi(jrun_next_string(&cursor)), m2 = atoi(jrun_next_string(&cursor)), u2 = atoi(jrun_next_string(&cursor));
	char *ignored = jrun_next_string(&cursor), *blocked = jrun_next_string(&cursor);
	char *directory = jrun_next_string(&cursor), *program = jrun_next_string(&cursor);
	char **argv = jrun_next_list(&cursor), **envp = jrun_next_list(&cursor);
	jrun_words = jrun_next_list(&cursor);

	jrun_enter(u1, m2, u2, directory);
	restore_signals(ignored, blocked);
	jrun_become(program, argv, envp);
}
