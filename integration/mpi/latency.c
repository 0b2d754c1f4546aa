// A program of MPI that measures as OSU's osu_latency and osu_bw do, between ranks 0
// and 1; further ranks wait.
//
//   latency [ITERATIONS]
//
// For each size rank 0 prints a line of the form
//
//   latency_us SIZE VALUE          half of a round trip
//   bandwidth_MBps SIZE VALUE      windows of messages in flight, one answer for each
//
// in bytes, microseconds and 10^6 bytes a second. Before a size is measured its messages
// are sent once and compared, so that a fast but wrong transport is not praised.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW = 64, LARGEST = 1 << 20, TAG = 7, ANSWER = 8 };

// Eager messages, messages by a rendezvous, and the largest that caches hold.
static const int sizes[] = {1, 8, 64, 1024, 8192, 65536, LARGEST};

static int rank, peer;
static unsigned char *out, *in;
static MPI_Request requests[WINDOW];
static MPI_Status statuses[WINDOW];

// repetitions of a size; large messages need fewer for the same precision.
static int repetitions(int iterations, int size)
{
	int n = size > 8192 ? iterations / 10 : iterations;
	return n > 0 ? n : 1;
}

// roundTrip is one message there and one back.
static void roundTrip(int size)
{
	if (rank == 0)
		MPI_Send(out, size, MPI_BYTE, peer, TAG, MPI_COMM_WORLD);
	MPI_Recv(in, size, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	if (rank == 1)
		MPI_Send(out, size, MPI_BYTE, peer, TAG, MPI_COMM_WORLD);
}

// window sends many messages at once from rank 0 to rank 1. As in osu_bw all arrive in one
// buffer, which nobody reads.
static void window(int size)
{
	for (int i = 0; i < WINDOW; i++)
		if (rank == 0)
			MPI_Isend(out, size, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, &requests[i]);
		else
			MPI_Irecv(in, size, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, &requests[i]);
	MPI_Waitall(WINDOW, requests, statuses);
	if (rank == 0)
		MPI_Recv(NULL, 0, MPI_BYTE, peer, ANSWER, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	else
		MPI_Send(NULL, 0, MPI_BYTE, peer, ANSWER, MPI_COMM_WORLD);
}

// content is what a rank writes at an offset. It depends on both and on the size, so that
// an old message is not taken for a new one.
static unsigned char content(int sender, int size, int at)
{
	return (unsigned char)(at * 31 + at / 251 + size * 7 + sender * 101);
}

// verify sends one message each way and compares it.
static void verify(int size)
{
	for (int i = 0; i < size; i++) {
		out[i] = content(rank, size, i);
		in[i] = ~content(peer, size, i);
	}
	roundTrip(size);
	for (int i = 0; i < size; i++)
		if (in[i] != content(peer, size, i)) {
			fprintf(stderr, "rank %d: byte %d of %d is wrong\n", rank, i, size);
			MPI_Abort(MPI_COMM_WORLD, 3);
		}
}

// seconds that n calls take, after a tenth more of them that are not counted.
static double seconds(void (*call)(int), int size, int n)
{
	double start = 0;
	for (int i = -n / 10 - 1; i < n; i++) {
		if (i == 0)
			start = MPI_Wtime();
		call(size);
	}
	return MPI_Wtime() - start;
}

int main(int argc, char **argv)
{
	int ranks, iterations = argc > 1 ? atoi(argv[1]) : 1000;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (ranks < 2 || iterations < 1) {
		fprintf(stderr, "usage: latency [ITERATIONS], with at least 2 ranks\n");
		MPI_Abort(MPI_COMM_WORLD, 2);
	}
	peer = 1 - rank;
	out = malloc(LARGEST);
	in = malloc(LARGEST);
	for (size_t s = 0; rank < 2 && s < sizeof sizes / sizeof *sizes; s++) {
		int size = sizes[s], n = repetitions(iterations, size);
		verify(size);
		double half = seconds(roundTrip, size, n) / n / 2;
		if (rank == 0)
			printf("latency_us %d %.4f\n", size, half * 1e6);
	}
	for (size_t s = 0; rank < 2 && s < sizeof sizes / sizeof *sizes; s++) {
		int size = sizes[s], n = repetitions(iterations, size) / 10 + 1;
		double each = seconds(window, size, n) / n / WINDOW;
		if (rank == 0)
			printf("bandwidth_MBps %d %.1f\n", size, size / each / 1e6);
	}
	MPI_Barrier(MPI_COMM_WORLD);
	MPI_Finalize();
	return 0;
}
