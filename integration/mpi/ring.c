// A program of MPI that says which library it runs with. Rank 0 prints one line:
//
//   RANKS ring SUM reduce SUM same-node RANKS from FILE
//
// or, if not all ranks have equally many on their node, same-node FEWEST-MOST. The ring
// carries a megabyte, so that ranks on one machine use shared memory or copy each
// other's; what arrives is compared.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 1 << 18 };

// library is the file of libmpi that is mapped here.
static void library(char *path)
{
	char line[4096];
	FILE *maps = fopen("/proc/self/maps", "r");
	strcpy(path, "nowhere");
	while (maps && fgets(line, sizeof line, maps)) {
		char *name = strchr(line, '/');
		if (!name)
			continue;
		name[strcspn(name, "\n")] = 0;
		if (strstr(name, "/libmpi.so") || strstr(name, "/libmpich.so") || strstr(name, "/libmpi_abi.so"))
			strcpy(path, name);
	}
	if (maps)
		fclose(maps);
}

int main(int argc, char **argv)
{
	int rank, size, sum = 0, near, fewest, most;
	char path[4096];
	MPI_Comm node;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
	MPI_Comm_size(node, &near);

	int *out = malloc(WORDS * sizeof *out), *in = malloc(WORDS * sizeof *in);
	long round = 0;
	for (int i = 0; i < WORDS; i++)
		out[i] = rank ^ i;
	for (int step = 0; step < size; step++) {
		MPI_Sendrecv(out, WORDS, MPI_INT, (rank + 1) % size, 7, in, WORDS, MPI_INT, (rank + size - 1) % size, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		int from = in[0];
		for (int i = 0; i < WORDS; i++)
			if (in[i] != (from ^ i)) {
				fprintf(stderr, "rank %d: word %d of the ring is wrong\n", rank, i);
				MPI_Abort(MPI_COMM_WORLD, 3);
			}
		round += from;
		int *swap = out;
		out = in;
		in = swap;
	}
	MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	MPI_Allreduce(&near, &fewest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
	MPI_Allreduce(&near, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	library(path);
	if (rank == 0) {
		printf("%d ring %ld reduce %d same-node %d", size, round, sum, fewest);
		if (most != fewest)
			printf("-%d", most);
		printf(" from %s\n", path);
	}
	MPI_Finalize();
	return 0;
}
