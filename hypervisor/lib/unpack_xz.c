// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The .xz container: one stream, its blocks of LZMA2, with the x86 branch filter where the header asks for it. Source:
 * xz-file-format.txt 1.1. Checks of none, CRC32 or CRC64 type are skipped over: the ELF reader validates what matters.
 */
#include "lib/unpack_priv.h"
#include "lib/string.h"

#define FILTER_X86	0x04
#define FILTER_LZMA2	0x21
#define STREAM_HEADER	12

static bool number(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	unsigned shift = 0;

	for (*v = 0; *p < end && shift < 63; shift += 7) {
		uint8_t b = *(*p)++;

		*v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
	}
	return false;
}

/* The filter chain of a block header: only [x86,] LZMA2. */
static bool block_header(const uint8_t *h, size_t n, bool *x86)
{
	const uint8_t *p = h + 2, *end = h + n - 4;
	unsigned filters = (h[1] & 3) + 1;
	uint64_t id, size, skip;

	*x86 = false;
	if (h[1] & 0x3c)
		return false;
	if ((h[1] & 0x40) && !number(&p, end, &skip))
		return false;
	if ((h[1] & 0x80) && !number(&p, end, &skip))
		return false;
	for (unsigned i = 0; i < filters; i++) {
		bool last = i + 1 == filters;

		if (!number(&p, end, &id) || !number(&p, end, &size) || size > (size_t)(end - p))
			return false;
		if (id == FILTER_X86 && !last && !*x86 && !size)
			*x86 = true;
		else if (id != FILTER_LZMA2 || !last)
			return false;
		p += size;
	}
	return true;
}

/* LZMA2: chunks until a zero control byte. Returns input used or negative. */
static int64_t lzma2(struct lzma *l, const uint8_t *in, size_t n)
{
	const uint8_t *p = in, *end = in + n;
	bool have_props = false;

	while (p < end && *p) {
		unsigned control = *p++;
		size_t unpacked, packed, used;
		int rc;

		if (control < 0x80) {
			if (control > 2 || end - p < 2)
				return -EINVAL;
			unpacked = (p[0] << 8 | p[1]) + 1u;
			p += 2;
			if (control == 1)
				lzma_reset_dict(l);
			if (unpacked > (size_t)(end - p))
				return -EINVAL;
			rc = lzma_copy(l, p, unpacked);
			if (rc)
				return rc;
			p += unpacked;
			continue;
		}
		if (end - p < 5)
			return -EINVAL;
		unpacked = ((control & 0x1fu) << 16 | p[0] << 8 | p[1]) + 1u;
		packed = (p[2] << 8 | p[3]) + 1u;
		p += 4;
		if (control >= 0xe0)
			lzma_reset_dict(l);
		if (control >= 0xc0) {
			if (!lzma_set_props(l, *p++))
				return -EINVAL;
			have_props = true;
		}
		if (control >= 0xa0)
			lzma_reset_state(l);
		if (!have_props || packed > (size_t)(end - p))
			return -EINVAL;
		rc = lzma_decode(l, p, packed, unpacked, &used);
		if (rc || used != packed)
			return rc ? rc : -EINVAL;
		p += packed;
	}
	return p < end ? p + 1 - in : -EINVAL;
}

/* The first place from i on with an opcode of a call or jump (0xe8, 0xe9), or one from n on: eight bytes at once. */
static size_t next_branch(const uint8_t *b, size_t i, size_t n)
{
	const uint64_t ones = 0x0101010101010101ull;

	for (; i + 8 <= n; i += 8) {
		/* A byte of x is zero where there is one; the lowest zero byte borrows first. */
		uint64_t x = (*(const unaligned_word *)(b + i) & (ones * 0xfe)) ^ (ones * 0xe8);
		uint64_t zero = (x - ones) & ~x & (ones << 7);

		if (zero)
			return i + __builtin_ctzll(zero) / 8;
	}
	while (i < n && (b[i] & 0xfe) != 0xe8)
		i++;
	return i;
}

/*
 * The x86 filter turned the relative addresses of calls and jumps into absolute ones, which repeat more often. An address byte
 * of 0x00 or 0xff at the top marks one; 'mask' remembers which of the last bytes looked like an opcode, as the encoder did.
 */
static void unfilter_x86(uint8_t *b, size_t n)
{
	static const bool allowed[8] = { true, true, true, false, true, false, false, false };
	static const uint8_t bit_number[8] = { 0, 1, 2, 2, 3, 3, 3, 3 };
	size_t prev = (size_t)-1, i;
	uint32_t mask = 0;

	if (n < 5)
		return;
	for (i = 0; (i = next_branch(b, i, n - 4)) < n - 4; i++) {
		uint32_t src;

		prev = i - prev;
		if (prev > 3) {
			mask = 0;
		} else {
			mask = (mask << (prev - 1)) & 7;
			if (mask) {
				uint8_t t = b[i + 4 - bit_number[mask]];

				if (!allowed[mask] || t == 0 || t == 0xff) {
					prev = i;
					mask = mask << 1 | 1;
					continue;
				}
			}
		}
		prev = i;
		if (b[i + 4] != 0 && b[i + 4] != 0xff) {
			mask = mask << 1 | 1;
			continue;
		}
		src = le32(b + i + 1);
		for (;;) {
			uint32_t dest = src - (uint32_t)(i + 5);
			unsigned j;
			uint8_t t;

			if (!mask) {
				src = dest;
				break;
			}
			j = bit_number[mask] * 8;
			t = dest >> (24 - j);
			if (t != 0 && t != 0xff) {
				src = dest;
				break;
			}
			src = dest ^ ((1u << (32 - j)) - 1);
		}
		src = (src & 0x01ffffff);
		src |= 0u - (src & 0x01000000);
		memcpy(b + i + 1, &src, 4);
		i += 4;
	}
}

int unpack_xz(struct unpack_io *io)
{
	static const uint8_t check_size[16] = { 0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64 };
	const uint8_t *p = io->in + STREAM_HEADER, *end = io->in + io->in_size;
	struct lzma *l = io->work;

	if (io->in_size < STREAM_HEADER + 8 || io->in[6] || io->in[7] > 15)
		return -EINVAL;
	lzma_setup(l, NULL, io->out, io->out_size);
	while (p < end && *p) {		/* a zero size byte begins the index: all blocks are done */
		size_t header = (*p + 1u) * 4u, start = lzma_pos(l);
		int64_t used;
		bool x86;

		if (header < 8 || header > (size_t)(end - p) || !block_header(p, header, &x86))
			return -EINVAL;
		p += header;
		used = lzma2(l, p, end - p);
		if (used < 0)
			return used;
		used = ROUNDUP(used, 4) + check_size[io->in[7]];
		if (used > end - p)
			return -EINVAL;
		p += used;
		if (x86)
			unfilter_x86(io->out + start, lzma_pos(l) - start);
		io->produced = lzma_pos(l);
	}
	return p < end ? 0 : -EINVAL;
}
