// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LZMA: a range coder whose adaptive bits choose literals, matches and repeats. The output buffer is the dictionary.
 * Source: the LZMA SDK's format description (lzma-specification.txt); xz-file-format.txt.
 */
#include "lib/unpack_priv.h"
#include "lib/string.h"

#define STATES		12
#define POS_STATES	16
#define ALIGN_BITS	4
#define MATCH_MIN	2
#define PROB_INIT	1024

struct len_probs { uint16_t choice, choice2, low[POS_STATES][8], mid[POS_STATES][8], high[256]; };
struct probs {
	uint16_t is_match[STATES][POS_STATES], is_rep[STATES], is_rep0[STATES], is_rep1[STATES], is_rep2[STATES];
	uint16_t is_rep0_long[STATES][POS_STATES];
	uint16_t slot[4][64], special[115], align[1 << ALIGN_BITS];
	struct len_probs match_len, rep_len;
	uint16_t literal[16 * 0x300];
};
struct lzma {
	uint8_t *out;
	size_t pos, size, dict_start;
	uint32_t rep[4];
	unsigned state, lc, lp, pb;
	struct probs p;
};
BUILD_ASSERT(sizeof(struct lzma) <= LZMA_WORK);

/* The range coder lives in registers: a local of lzma_decode, and everything that takes it is inlined there. */
struct coder {
	uint64_t range, code;	/* both less than 2^32, unless the input is damaged */
	const uint8_t *in, *end;
	bool overrun;		/* it wanted more input than there is */
};
#define INLINE static inline __attribute__((always_inline))

void lzma_setup(struct lzma *l, void *work_unused, uint8_t *out, size_t out_size)
{
	memset(l, 0, sizeof(*l));
	l->out = out;
	l->size = out_size;
}

size_t lzma_pos(const struct lzma *l) { return l->pos; }
void lzma_reset_dict(struct lzma *l) { l->dict_start = l->pos; }

bool lzma_set_props(struct lzma *l, uint8_t props)
{
	if (props >= 9 * 5 * 5)
		return false;
	l->lc = props % 9;
	l->lp = props / 9 % 5;
	l->pb = props / 45;
	return l->lc + l->lp <= 4;
}

void lzma_reset_state(struct lzma *l)
{
	uint16_t *p = (uint16_t *)&l->p;

	for (size_t i = 0; i < sizeof(l->p) / 2; i++)
		p[i] = PROB_INIT;
	memset(l->rep, 0, sizeof(l->rep));
	l->state = 0;
}

INLINE void normalise(struct coder *c)
{
	if (c->range < 1u << 24) {
		c->range <<= 8;
		c->code <<= 8;
		if (likely(c->in < c->end))
			c->code |= *c->in++;
		else
			c->overrun = true;
	}
}

INLINE unsigned bit(struct coder *c, uint16_t *p)
{
	uint64_t bound, v = *p;

	normalise(c);
	bound = (c->range >> 11) * v;
	if (c->code < bound) {
		c->range = bound;
		*p = v + ((2048 - v) >> 5);
		return 0;
	}
	c->range -= bound;
	c->code -= bound;
	*p = v - (v >> 5);
	return 1;
}

/*
 * bit() for bits that no branch predictor knows beforehand: ~0 if it is 0, else 0. In assembler: of a choice in C gcc makes a
 * branch (under QEMU a third slower as a whole), and masks by the sign of a difference are a tenth slower.
 */
INLINE uint64_t bit_mask(struct coder *c, uint16_t *p)
{
	uint64_t bound, v = *p, mask;

	normalise(c);
	bound = (c->range >> 11) * v;
	c->range -= bound;
	mask = c->code;
	__asm__("sub %[bound], %[mask]\n\t"
		"cmovae %[mask], %[code]\n\t"
		"cmovb %[bound], %[range]\n\t"
		"sbb %[mask], %[mask]"
		: [mask] "+&r"(mask), [code] "+&r"(c->code), [range] "+&r"(c->range) : [bound] "r"(bound) : "cc");
	/* v + (2048 - v) / 32 or v - v / 32, which are whole numbers, rounded down. */
	*p = v - ((int64_t)(v + (mask & (31 - 2048))) >> 5);
	return mask;
}

INLINE unsigned tree(struct coder *c, uint16_t *p, unsigned bits)
{
	uint64_t m = 1;

#pragma GCC unroll 8
	for (unsigned i = 0; i < bits; i++)
		m = 2 * m + 1 + bit_mask(c, &p[m]);
	return m - (1u << bits);
}

INLINE unsigned reverse_tree(struct coder *c, uint16_t *p, unsigned bits)
{
	uint64_t m = 1, v = 0;

	for (unsigned i = 0; i < bits; i++) {
		uint64_t b = 1 + bit_mask(c, &p[m]);

		m = 2 * m + b;
		v |= b << i;
	}
	return v;
}

INLINE unsigned direct(struct coder *c, unsigned bits)
{
	uint64_t v = 0, mask;

	/* The sign of the difference tells: see struct coder. */
	while (bits--) {
		normalise(c);
		c->range >>= 1;
		c->code -= c->range;
		mask = (int64_t)c->code >> 63;
		c->code += c->range & mask;
		v = 2 * v + 1 + mask;
	}
	return v;
}

INLINE unsigned length(struct coder *c, struct len_probs *p, unsigned pos_state)
{
	/* Trees are indexed from 1; element 0 of each row is unused by it, so the rows may be the exact size. */
	if (!bit(c, &p->choice))
		return MATCH_MIN + tree(c, p->low[pos_state], 3);
	if (!bit(c, &p->choice2))
		return MATCH_MIN + 8 + tree(c, p->mid[pos_state], 3);
	return MATCH_MIN + 16 + tree(c, p->high, 8);
}

INLINE uint32_t distance(struct lzma *l, struct coder *c, unsigned len)
{
	unsigned slot = tree(c, l->p.slot[MIN(len - MATCH_MIN, 3u)], 6), bits = (slot >> 1) - 1;
	uint32_t d;

	if (slot < 4)
		return slot;
	d = (2 | (slot & 1)) << bits;
	if (slot < 14)
		return d + reverse_tree(c, l->p.special + d - slot, bits);
	d += direct(c, bits - ALIGN_BITS) << ALIGN_BITS;
	return d + reverse_tree(c, l->p.align, ALIGN_BITS);
}

INLINE void literal(struct lzma *l, struct coder *c)
{
	size_t here = l->pos - l->dict_start;
	unsigned prev = here ? l->out[l->pos - 1] : 0;
	uint64_t m = 1;
	uint16_t *p = l->p.literal + 0x300 * (((here & ((1u << l->lp) - 1)) << l->lc) + (prev >> (8 - l->lc)));

	if (l->state >= 7) {
		/* As long as the bits are those of the byte at the last distance, they choose among trees of their own. */
		uint64_t match = l->out[l->pos - l->rep[0] - 1], own = 0x100;

#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++) {
			uint64_t next = (match <<= 1) & own, mask = bit_mask(c, &p[own + next + m]);

			m = 2 * m + 1 + mask;
			own &= next ^ mask;
		}
	} else {
#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++)
			m = 2 * m + 1 + bit_mask(c, &p[m]);
	}
	l->out[l->pos++] = m;
	l->state = l->state < 4 ? 0 : l->state < 10 ? l->state - 3 : l->state - 6;
}

/* One of the four last distances; returns the length, or 0 for the one-byte repeat that has been done. */
INLINE unsigned repeat(struct lzma *l, struct coder *c, unsigned pos_state)
{
	unsigned s = l->state;
	uint32_t d;

	if (!bit(c, &l->p.is_rep0[s])) {
		if (!bit(c, &l->p.is_rep0_long[s][pos_state])) {
			l->state = s < 7 ? 9 : 11;
			return 1;
		}
	} else {
		if (!bit(c, &l->p.is_rep1[s])) {
			d = l->rep[1];
		} else {
			if (!bit(c, &l->p.is_rep2[s])) {
				d = l->rep[2];
			} else {
				d = l->rep[3];
				l->rep[3] = l->rep[2];
			}
			l->rep[2] = l->rep[1];
		}
		l->rep[1] = l->rep[0];
		l->rep[0] = d;
	}
	l->state = s < 7 ? 8 : 11;
	return length(c, &l->p.rep_len, pos_state);
}

INLINE unsigned match(struct lzma *l, struct coder *c, unsigned pos_state)
{
	unsigned len = length(c, &l->p.match_len, pos_state);

	l->rep[3] = l->rep[2];
	l->rep[2] = l->rep[1];
	l->rep[1] = l->rep[0];
	l->rep[0] = distance(l, c, len);
	l->state = l->state < 7 ? 7 : 10;
	return len;
}

static bool copy_match(struct lzma *l, size_t len, size_t end)
{
	size_t d = (size_t)l->rep[0] + 1;
	uint8_t *to = l->out + l->pos;

	if (d > l->pos - l->dict_start || len > end - l->pos)
		return false;
	l->pos += len;
	/* Most are short: by words, which may write up to 7 bytes more than there are, over what is not decoded yet. */
	if (d >= 8 && l->size - l->pos >= 7) {
		for (uint8_t *stop = to + len; to < stop; to += 8)
			*(unaligned_word *)to = *(const unaligned_word *)(to - d);
		return true;
	}
	for (; len; len--, to++)
		*to = to[-(ptrdiff_t)d];
	return true;
}

INLINE bool start_coder(struct coder *c, const uint8_t *in, size_t n)
{
	if (n < 5 || in[0])
		return false;
	c->code = (uint32_t)in[1] << 24 | in[2] << 16 | in[3] << 8 | in[4];
	c->range = UINT32_MAX;
	c->in = in + 5;
	c->end = in + n;
	c->overrun = false;
	return true;
}

int lzma_decode(struct lzma *l, const uint8_t *in, size_t n, size_t unpacked, size_t *used)
{
	struct coder c;
	bool marker = unpacked == SIZE_MAX;
	size_t end = marker ? l->size : l->pos + unpacked;

	if (!start_coder(&c, in, n) || (!marker && unpacked > l->size - l->pos))
		return -EINVAL;
	while ((marker || l->pos < end) && !c.overrun) {
		unsigned pos_state = (l->pos - l->dict_start) & ((1u << l->pb) - 1), len;

		if (!bit(&c, &l->p.is_match[l->state][pos_state])) {
			if (l->pos == end || (l->state >= 7 && l->rep[0] >= l->pos - l->dict_start))
				return -EINVAL;
			literal(l, &c);
			continue;
		}
		if (bit(&c, &l->p.is_rep[l->state])) {
			len = repeat(l, &c, pos_state);
		} else {
			len = match(l, &c, pos_state);
			if (marker && l->rep[0] == ~0u) {
				normalise(&c);
				*used = c.in - in;
				return c.code ? -EINVAL : 0;
			}
		}
		if (!copy_match(l, len, end))
			return -EINVAL;
	}
	normalise(&c);
	*used = c.in - in;
	return c.overrun || c.code ? -EINVAL : 0;
}

int lzma_copy(struct lzma *l, const uint8_t *in, size_t n)
{
	if (n > l->size - l->pos)
		return -ENOSPC;
	memcpy(l->out + l->pos, in, n);
	l->pos += n;
	return 0;
}

int unpack_lzma(struct unpack_io *io)
{
	struct lzma *l = io->work;
	uint64_t size;
	size_t used;
	int rc;

	if (io->in_size < 18)
		return -EINVAL;
	size = le64(io->in + 5);
	if (size != ~0ull && size > io->out_size)
		return -ENOSPC;
	lzma_setup(l, NULL, io->out, io->out_size);
	if (!lzma_set_props(l, io->in[0]))
		return -EINVAL;
	lzma_reset_state(l);
	rc = lzma_decode(l, io->in + 13, io->in_size - 13, size, &used);
	io->produced = lzma_pos(l);
	return rc;
}
