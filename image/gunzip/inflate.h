// A streaming decoder of DEFLATE (RFC 1951), used by inflate_cgo.go.
#ifndef JRUN_INFLATE_H
#define JRUN_INFLATE_H

#include <stddef.h>
#include <stdint.h>

enum {
	INFLATE_WINDOW = 32768,    // how far back a match may reach, in bytes
	INFLATE_IN_PADDING = 64,   // readable bytes that must follow the input
	INFLATE_OUT_MARGIN = 320,  // room that one step may need, and overrun, in bytes
	INFLATE_HEADER_ROOM = 512, // input that a block's header may need, in bytes
};

// Results of inflate_run.
enum {
	INFLATE_NEED_INPUT = 0, // give more input, or eof
	INFLATE_NEED_ROOM = 1,  // take output
	INFLATE_DONE = 2,       // the stream has ended
	INFLATE_CORRUPT = 3,
	INFLATE_TRUNCATED = 4, // eof before the stream's end
};

enum { LITLEN_TABLE = 2342, DIST_TABLE = 402, PRECODE_TABLE = 128 };

struct inflate {
	uint64_t bits;     // input that was taken and not used, from bit 0
	uint32_t count;    // how many bits of it are valid; less than 8 between calls
	uint32_t state;    // where to go on
	uint32_t final;    // the current block is the last one
	uint32_t stored;   // bytes left of a stored block
	uint32_t litlen[LITLEN_TABLE];
	uint32_t dist[DIST_TABLE];
};

// inflate_run decodes from in to out until it needs something. It starts at
// out[*out_pos] and stops before out_end - INFLATE_OUT_MARGIN; bytes of out
// before *out_pos, at most history of them, are what matches may refer to.
// in_len bytes are input, and INFLATE_IN_PADDING more must be readable; eof says
// that no more will come. *in_used and *out_pos are updated.
int inflate_run(struct inflate *s, const uint8_t *in, size_t in_len, size_t *in_used, int eof,
	uint8_t *out, size_t *out_pos, size_t out_end, size_t history);

#endif
