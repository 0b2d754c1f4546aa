// DEFLATE as in RFC 1951. What makes it fast is known from the literature and
// other decoders: a bit buffer of 64 bits that is refilled without branches,
// one table look-up for a code of up to 11 bits with length base and extra
// bits in the entry, several literals between refills, and matches copied in
// words that may overrun into a margin.
#include <string.h>

#include "inflate.h"

enum { LITLEN_BITS = 11, DIST_BITS = 8, PRECODE_BITS = 7, MAX_CODE_BITS = 15 };
enum { STATE_HEADER = 0, STATE_STORED, STATE_CODES, STATE_DONE };

// A table entry:
//   bits 0-7    bits to consume: the code's, and for lengths and distances the extra bits too
//   bits 8-12   the code's bits alone; in a pointer the bits that index the second table
//   bit 13      a pointer to a second table
//   bit 14      the end of the block
//   bit 15      no code
//   bits 16-30  literal, base of length or distance, or the second table's offset
//   bit 31      a literal
#define ENTRY_POINTER (1u << 13)
#define ENTRY_END (1u << 14)
#define ENTRY_INVALID (1u << 15)
#define ENTRY_LITERAL (1u << 31)
#define ENTRY_SPECIAL (ENTRY_POINTER | ENTRY_END | ENTRY_INVALID)
#define ENTRY_VALUE(e) ((e) >> 16 & 0x7fff)

static const uint16_t length_base[31] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[31] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[32] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t dist_extra[32] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

static uint32_t litlen_entry(unsigned symbol)
{
	if (symbol < 256)
		return ENTRY_LITERAL | symbol << 16;
	if (symbol == 256)
		return ENTRY_END;
	if (symbol > 285)
		return ENTRY_INVALID;
	return (uint32_t)length_base[symbol - 257] << 16 | length_extra[symbol - 257];
}

static uint32_t dist_entry(unsigned symbol)
{
	if (symbol > 29)
		return ENTRY_INVALID;
	return (uint32_t)dist_base[symbol] << 16 | dist_extra[symbol];
}

static uint32_t precode_entry(unsigned symbol) { return symbol << 16; }

static uint32_t reverse(uint32_t code, unsigned bits)
{
	uint32_t r = 0;
	for (unsigned i = 0; i < bits; i++)
		r |= (code >> i & 1) << (bits - 1 - i);
	return r;
}

// build makes a decoding table of canonical codes. It refuses sets that are
// over-subscribed, and incomplete ones but for a single code of one bit or,
// where none_allowed, no code at all, as zlib does.
static int build(uint32_t *table, unsigned table_bits, const uint8_t *lengths, unsigned symbols, uint32_t (*entry)(unsigned), int none_allowed)
{
	uint16_t count[MAX_CODE_BITS + 1] = {0}, next[MAX_CODE_BITS + 2] = {0}, sorted[288];
	for (unsigned i = 0; i < symbols; i++)
		count[lengths[i]]++;
	count[0] = 0;
	unsigned longest = MAX_CODE_BITS;
	while (longest > 0 && count[longest] == 0)
		longest--;
	for (unsigned i = 0; i < 1u << table_bits; i++)
		table[i] = ENTRY_INVALID | 1;
	if (longest == 0)
		return none_allowed;
	int left = 1;
	for (unsigned n = 1; n <= MAX_CODE_BITS; n++) {
		left = left * 2 - count[n];
		if (left < 0)
			return 0;
		next[n + 1] = next[n] + count[n];
	}
	if (left > 0 && longest != 1)
		return 0;
	unsigned used = next[MAX_CODE_BITS + 1];
	for (unsigned i = 0; i < symbols; i++)
		if (lengths[i])
			sorted[next[lengths[i]]++] = i;

	uint32_t code = 0, free_at = 1u << table_bits, second = 0, prefix = ~0u;
	unsigned bits = lengths[sorted[0]], second_bits = 0;
	for (unsigned i = 0; i < used; i++) {
		unsigned n = lengths[sorted[i]];
		code <<= n - bits;
		bits = n;
		uint32_t e = entry(sorted[i]), reversed = reverse(code, n);
		if (n <= table_bits) {
			// The entry already counts the extra bits.
			e += n | n << 8;
			for (uint32_t k = reversed; k < 1u << table_bits; k += 1u << n)
				table[k] = e;
		} else {
			if ((reversed & ((1u << table_bits) - 1)) != prefix) {
				prefix = reversed & ((1u << table_bits) - 1);
				second = free_at;
				second_bits = n - table_bits;
				// As many bits as the codes with this prefix need.
				int room = (1 << second_bits) - count[n] + (int)(i - (next[n] - count[n]));
				for (unsigned m = n; room > 0 && m < longest;) {
					m++;
					second_bits++;
					room = room * 2 - count[m];
				}
				free_at += 1u << second_bits;
				for (uint32_t k = second; k < free_at; k++)
					table[k] = ENTRY_INVALID | 1;
				table[prefix] = ENTRY_POINTER | second << 16 | second_bits << 8 | table_bits;
			}
			unsigned rest = n - table_bits;
			e += rest | rest << 8;
			for (uint32_t k = reversed >> table_bits; k < 1u << second_bits; k += 1u << rest)
				table[second + k] = e;
		}
		code++;
	}
	return 1;
}

// The working state of one call, in registers where it matters.
#define REFILL()                                     \
	do {                                         \
		uint64_t word;                       \
		memcpy(&word, in, 8);                \
		bits |= word << count;               \
		in += (63 - count) >> 3;             \
		count |= 56;                         \
	} while (0)
#define TAKE(n) (bits >>= (n), count -= (n))
#define LOW(n) (bits & (((uint64_t)1 << (n)) - 1))

// read_codes reads the header of a block with dynamic codes (RFC 1951, 3.2.7).
static int read_codes(struct inflate *s, const uint8_t **in_at, uint64_t *bits_at, uint32_t *count_at)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	const uint8_t *in = *in_at;
	uint64_t bits = *bits_at;
	uint32_t count = *count_at;
	uint8_t lengths[288 + 32 + 138] = {0}, precode[19] = {0};
	uint32_t table[PRECODE_TABLE];
	int good = 0;

	REFILL();
	unsigned litlens = LOW(5) + 257;
	TAKE(5);
	unsigned dists = LOW(5) + 1;
	TAKE(5);
	unsigned precodes = LOW(4) + 4;
	TAKE(4);
	if (litlens > 286 || dists > 30)
		goto end;
	for (unsigned i = 0; i < precodes; i++) {
		REFILL();
		precode[order[i]] = LOW(3);
		TAKE(3);
	}
	if (!build(table, PRECODE_BITS, precode, 19, precode_entry, 0))
		goto end;
	for (unsigned i = 0; i < litlens + dists;) {
		REFILL();
		uint32_t e = table[LOW(PRECODE_BITS)];
		if (e & ENTRY_INVALID)
			goto end;
		TAKE(e & 0xff);
		unsigned symbol = ENTRY_VALUE(e), repeat, value = 0;
		if (symbol < 16) {
			lengths[i++] = symbol;
			continue;
		}
		if (symbol == 16) {
			if (i == 0)
				goto end;
			value = lengths[i - 1];
			repeat = 3 + LOW(2);
			TAKE(2);
		} else if (symbol == 17) {
			repeat = 3 + LOW(3);
			TAKE(3);
		} else {
			repeat = 11 + LOW(7);
			TAKE(7);
		}
		memset(lengths + i, value, repeat);
		i += repeat;
		if (i > litlens + dists)
			goto end;
	}
	good = lengths[256] != 0 && // a block could never end
		build(s->dist, DIST_BITS, lengths + litlens, dists, dist_entry, 1) &&
		build(s->litlen, LITLEN_BITS, lengths, litlens, litlen_entry, 0);
end:
	*in_at = in;
	*bits_at = bits;
	*count_at = count;
	return good;
}

static void fixed_codes(struct inflate *s)
{
	uint8_t lengths[288];
	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	build(s->litlen, LITLEN_BITS, lengths, 288, litlen_entry, 0);
	memset(lengths, 5, 32);
	build(s->dist, DIST_BITS, lengths, 32, dist_entry, 0);
}

// copy_match writes length bytes from distance back, and perhaps some more.
static inline void copy_match(uint8_t *to, unsigned distance, unsigned length)
{
	const uint8_t *from = to - distance;
	uint8_t *end = to + length;
	if (distance >= 16) {
		do {
			memcpy(to, from, 16);
			to += 16, from += 16;
		} while (to < end);
	} else if (distance >= 8) {
		do {
			memcpy(to, from, 8);
			to += 8, from += 8;
		} while (to < end);
	} else if (distance == 1) {
		memset(to, *from, length);
	} else {
		do {
			*to++ = *from++;
		} while (to < end);
	}
}

int inflate_run(struct inflate *s, const uint8_t *input, size_t in_len, size_t *in_used, int eof,
	uint8_t *output, size_t *out_pos, size_t out_end, size_t history)
{
	const uint8_t *in = input, *in_end = input + in_len;
	// A refill reads 8 bytes and keeps up to 8 that are not used yet. At the
	// end of the input it reads padding, which is found out afterwards.
	const uint8_t *in_limit = eof ? in_end + 8 : in_end - 32;
	uint8_t *out = output + *out_pos, *oldest = out - history, *out_limit = output + out_end - INFLATE_OUT_MARGIN;
	uint64_t bits = s->bits;
	uint32_t count = s->count;
	int result;

	if (in_len < 32 && !eof)
		in_limit = input - 1;
	for (;;) {
		if (s->state == STATE_DONE) {
			result = INFLATE_DONE;
			break;
		}
		if (s->state == STATE_HEADER) {
			if (!eof && in_end - in < INFLATE_HEADER_ROOM) {
				result = INFLATE_NEED_INPUT;
				break;
			}
			if (eof && in > in_end + 8) {
				result = INFLATE_TRUNCATED;
				break;
			}
			// A header that runs beyond the input reads more than the padding
			// only if it is guarded: copy the rest of the input to where
			// there is room.
			uint8_t guarded[2 * INFLATE_HEADER_ROOM] = {0};
			const uint8_t *place = in;
			int is_guarded = in_end - in < INFLATE_HEADER_ROOM;
			if (is_guarded) {
				if (in < in_end)
					memcpy(guarded, in, in_end - in);
				in = guarded;
			}
			const uint8_t *start = in;
			REFILL();
			s->final = LOW(1);
			TAKE(1);
			unsigned type = LOW(2);
			TAKE(2);
			int good = 1;
			if (type == 0) {
				// To the next byte boundary; give back what was read ahead.
				TAKE(count & 7);
				unsigned length = LOW(16);
				TAKE(16);
				good = (length ^ LOW(16)) == 0xffff;
				TAKE(16);
				s->stored = length;
				s->state = STATE_STORED;
			} else if (type == 1) {
				fixed_codes(s);
				s->state = STATE_CODES;
			} else if (type == 2) {
				good = read_codes(s, &in, &bits, &count);
				s->state = STATE_CODES;
			} else {
				good = 0;
			}
			if (is_guarded)
				in = place + (in - start);
			// A code that is cut off may also look like no code.
			if (eof && in - (count >> 3) + (good ? 0 : 2) > in_end) {
				result = INFLATE_TRUNCATED;
				break;
			}
			if (!good) {
				result = INFLATE_CORRUPT;
				break;
			}
			if (s->state == STATE_STORED) {
				in -= count >> 3;
				bits = 0;
				count = 0;
			}
			continue;
		}
		if (s->state == STATE_STORED) {
			size_t n = s->stored, room = out < out_limit ? out_limit - out : 0, have = in < in_end ? in_end - in : 0;
			if (n > room)
				n = room;
			if (n > have)
				n = have;
			memcpy(out, in, n);
			in += n, out += n, s->stored -= n;
			if (s->stored == 0) {
				s->state = s->final ? STATE_DONE : STATE_HEADER;
				continue;
			}
			result = n == room ? INFLATE_NEED_ROOM : eof ? INFLATE_TRUNCATED : INFLATE_NEED_INPUT;
			break;
		}

		// STATE_CODES
		const uint32_t *litlen = s->litlen, *dist = s->dist;
		result = -1;
		while (in <= in_limit && out <= out_limit) {
			REFILL();
			uint32_t e = litlen[LOW(LITLEN_BITS)];
			if (e & ENTRY_LITERAL) {
				TAKE(e & 0xff);
				*out++ = e >> 16;
				e = litlen[LOW(LITLEN_BITS)];
				if (e & ENTRY_LITERAL) {
					TAKE(e & 0xff);
					*out++ = e >> 16;
					e = litlen[LOW(LITLEN_BITS)];
					if (e & ENTRY_LITERAL) {
						TAKE(e & 0xff);
						*out++ = e >> 16;
						continue;
					}
				}
			}
			if (e & ENTRY_SPECIAL) {
				if (e & ENTRY_POINTER) {
					TAKE(LITLEN_BITS);
					e = litlen[ENTRY_VALUE(e) + LOW(e >> 8 & 0x1f)];
				}
				if (e & ENTRY_LITERAL) {
					TAKE(e & 0xff);
					*out++ = e >> 16;
					continue;
				}
				if (e & ENTRY_END) {
					TAKE(e & 0xff);
					s->state = s->final ? STATE_DONE : STATE_HEADER;
					break;
				}
				if (e & ENTRY_INVALID) {
					result = INFLATE_CORRUPT;
					break;
				}
			}
			// At least 56 - 2*11 - 11 = 23 bits are left for up to 20.
			unsigned code = e >> 8 & 0x1f;
			unsigned length = ENTRY_VALUE(e) + (LOW(e & 0xff) >> code);
			TAKE(e & 0xff);

			REFILL();
			e = dist[LOW(DIST_BITS)];
			if (e & ENTRY_POINTER) {
				TAKE(DIST_BITS);
				e = dist[ENTRY_VALUE(e) + LOW(e >> 8 & 0x1f)];
			}
			if (e & ENTRY_INVALID) {
				result = INFLATE_CORRUPT;
				break;
			}
			code = e >> 8 & 0x1f;
			unsigned distance = ENTRY_VALUE(e) + (LOW(e & 0xff) >> code);
			TAKE(e & 0xff);
			if (distance > (size_t)(out - oldest)) {
				result = INFLATE_CORRUPT;
				break;
			}
			copy_match(out, distance, length);
			out += length;
		}
		if (eof && in - (count >> 3) + (result == INFLATE_CORRUPT ? 4 : 0) > in_end) {
			result = INFLATE_TRUNCATED;
			break;
		}
		if (result >= 0)
			break;
		if (s->state != STATE_CODES)
			continue;
		result = out > out_limit ? INFLATE_NEED_ROOM : INFLATE_NEED_INPUT;
		break;
	}

	// Give back whole bytes that were taken and not used.
	in -= count >> 3;
	count &= 7;
	s->bits = bits & (((uint64_t)1 << count) - 1);
	s->count = count;
	*in_used = in - input;
	*out_pos = out - output;
	return result;
}
