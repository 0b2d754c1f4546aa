// Dispatch of the stages that run before Go starts. A stage is chosen by
// argv[0]; the program is its own helper, so nothing but this one file has to
// be installed.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

char jrun_ignored_signals[JRUN_SIGNALS + 1];
char jrun_blocked_signals[JRUN_SIGNALS + 1];

// The Go runtime installs handlers for all signals, which execve(2) would then
// reset to the default: a job under `trap '' USR1` would die of what its
// script ignores.
static void remember_signals(void)
{
	sigset_t blocked;
	sigemptyset(&blocked);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int n = 1; n <= JRUN_SIGNALS; n++) {
		struct sigaction action;
		int ignored = sigaction(n, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
		jrun_ignored_signals[n - 1] = ignored ? '1' : '0';
		jrun_blocked_signals[n - 1] = sigismember(&blocked, n) == 1 ? '1' : '0';
	}
}

__attribute__((constructor)) static void jrun_stage(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[0], "jrun-join") == 0)
		jrun_stage_join(atoi(argv[1]));
	if (strcmp(argv[0], "jrun-holder") == 0 && argc == 6)
		jrun_stage_holder(argv);
	if (strcmp(argv[0], "jrun-probe") == 0 && argc == 4)
		jrun_stage_probe(argv);
	jrun_express(argc, argv);
	remember_signals();
}
