// Dispatch of the stages that run before Go starts. A stage is chosen by
// argv[0]; the program is its own helper, so nothing but this one file has to
// be installed.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "stage.h"

__attribute__((constructor)) static void jrun_stage(int argc, char **argv)
{
	if (argc < 2)
		return;
	if (strcmp(argv[0], "jrun-join") == 0)
		jrun_stage_join(atoi(argv[1]));
	if (strcmp(argv[0], "jrun-holder") == 0 && argc == 6)
		jrun_stage_holder(argv);
	if (strcmp(argv[0], "jrun-probe") == 0 && argc == 4)
		jrun_stage_probe(argv);
}
