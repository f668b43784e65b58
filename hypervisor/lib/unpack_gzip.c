// SPDX-License-Identifier: GPL-2.0-or-later
/* gzip (RFC 1952) around DEFLATE (RFC 1951). Codes of up to 9 bits by a table, longer ones bit by bit. */
#include "lib/unpack_priv.h"
#include "lib/string.h"

#define MAX_BITS	15
#define FAST_BITS	9

struct huffman { uint16_t count[MAX_BITS + 1], symbol[288], fast[1 << FAST_BITS]; };
struct inflate {
	struct unpack_io *io;
	const uint8_t *in, *end;
	uint64_t bits;
	unsigned have, short_by;	/* short_by: zero bytes taken past the end */
	struct huffman lit, dist;
};
BUILD_ASSERT(sizeof(struct inflate) <= UNPACK_WORK);

static void refill(struct inflate *z)
{
	while (z->have <= 56) {
		if (z->in < z->end)
			z->bits |= (uint64_t)*z->in++ << z->have;
		else
			z->short_by++;
		z->have += 8;
	}
}

static inline unsigned take(struct inflate *z, unsigned n)
{
	unsigned v;

	if (z->have < n)
		refill(z);
	v = z->bits & ((1ull << n) - 1);
	z->bits >>= n;
	z->have -= n;
	return v;
}

/* Canonical code from lengths; false if over-subscribed. The fast table holds symbol << 4 | length for codes of up to 9 bits. */
static bool build(struct huffman *h, const uint8_t *len, unsigned n)
{
	uint16_t offset[MAX_BITS + 1], code = 0, next[MAX_BITS + 1];
	int left = 1;

	memset(h, 0, sizeof(*h));
	for (unsigned i = 0; i < n; i++)
		h->count[len[i]]++;
	h->count[0] = 0;
	for (unsigned l = 1; l <= MAX_BITS; l++) {
		left = (left << 1) - h->count[l];
		if (left < 0)
			return false;
	}
	offset[1] = 0;
	for (unsigned l = 1; l < MAX_BITS; l++)
		offset[l + 1] = offset[l] + h->count[l];
	for (unsigned l = 1; l <= MAX_BITS; l++) {
		code = (code + h->count[l - 1]) << 1;
		next[l] = code;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned l = len[i], c, rev = 0;

		if (!l)
			continue;
		h->symbol[offset[l]++] = i;
		c = next[l]++;
		if (l > FAST_BITS)
			continue;
		for (unsigned b = 0; b < l; b++)
			rev |= (c >> b & 1) << (l - 1 - b);
		for (; rev < 1u << FAST_BITS; rev += 1u << l)
			h->fast[rev] = i << 4 | l;
	}
	return true;
}

static int symbol(struct inflate *z, const struct huffman *h)
{
	int code = 0, first = 0, index = 0;
	unsigned f;

	if (z->have < MAX_BITS)
		refill(z);
	f = h->fast[z->bits & ((1u << FAST_BITS) - 1)];
	if (f) {
		z->bits >>= f & 15;
		z->have -= f & 15;
		return f >> 4;
	}
	for (unsigned l = 1; l <= MAX_BITS; l++) {
		code |= take(z, 1);
		if (code - h->count[l] < first)
			return h->symbol[index + (code - first)];
		index += h->count[l];
		first = (first + h->count[l]) << 1;
		code <<= 1;
	}
	return -1;
}

static int codes(struct inflate *z)
{
	static const uint16_t lbase[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
					  131, 163, 195, 227, 258 };
	static const uint8_t lext[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
	static const uint16_t dbase[] = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
					  2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
	struct unpack_io *io = z->io;

	while (z->short_by < 8) {
		int s = symbol(z, &z->lit);
		size_t len, d;

		if (s < 256) {
			if (s < 0)
				return -EINVAL;
			if (io->produced == io->out_size)
				return -ENOSPC;
			io->out[io->produced++] = s;
			continue;
		}
		if (s == 256)
			return 0;
		if (s - 257 >= (int)ARRAY_SIZE(lbase))
			return -EINVAL;
		len = lbase[s - 257] + take(z, lext[s - 257]);
		s = symbol(z, &z->dist);
		if (s < 0 || s >= (int)ARRAY_SIZE(dbase))
			return -EINVAL;
		d = dbase[s] + take(z, s < 2 ? 0 : (s >> 1) - 1);
		if (d > io->produced)
			return -EINVAL;
		if (len > io->out_size - io->produced)
			return -ENOSPC;
		for (; len; len--, io->produced++)
			io->out[io->produced] = io->out[io->produced - d];
	}
	return -EINVAL;
}

static int stored(struct inflate *z)
{
	struct unpack_io *io = z->io;
	unsigned len;

	take(z, z->have & 7);
	len = take(z, 16);
	if ((take(z, 16) ^ 0xffff) != len)
		return -EINVAL;
	if (len > io->out_size - io->produced)
		return -ENOSPC;
	while (len-- && !z->short_by)
		io->out[io->produced++] = take(z, 8);
	return 0;
}

static int dynamic(struct inflate *z)
{
	static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	unsigned nlen = take(z, 5) + 257, ndist = take(z, 5) + 1, ncode = take(z, 4) + 4, i = 0;
	uint8_t len[320] = { 0 };

	if (nlen > 286 || ndist > 30)
		return -EINVAL;
	for (unsigned c = 0; c < ncode; c++)
		len[order[c]] = take(z, 3);
	if (!build(&z->lit, len, 19))
		return -EINVAL;
	memset(len, 0, sizeof(len));
	while (i < nlen + ndist) {
		int s = symbol(z, &z->lit);
		unsigned n = 1, v = s;

		if (s < 0 || (s == 16 && !i))
			return -EINVAL;
		if (s >= 16) {
			v = s == 16 ? len[i - 1] : 0;
			n = s == 16 ? 3 + take(z, 2) : s == 17 ? 3 + take(z, 3) : 11 + take(z, 7);
		}
		if (i + n > nlen + ndist)
			return -EINVAL;
		while (n--)
			len[i++] = v;
	}
	if (!build(&z->lit, len, nlen) || !build(&z->dist, len + nlen, ndist))
		return -EINVAL;
	return codes(z);
}

static int fixed(struct inflate *z)
{
	uint8_t len[288];

	memset(len, 8, 144);
	memset(len + 144, 9, 112);
	memset(len + 256, 7, 24);
	memset(len + 280, 8, 8);
	build(&z->lit, len, 288);
	memset(len, 5, 30);
	build(&z->dist, len, 30);
	return codes(z);
}

static const uint8_t *skip_header(const uint8_t *p, const uint8_t *end)
{
	unsigned flags = p[3];

	p += 10;
	if (flags & 4) {
		if (end - p < 2 || (p[0] | p[1] << 8) > end - p - 2)
			return NULL;
		p += 2 + (p[0] | p[1] << 8);
	}
	for (unsigned f = 8; f <= 16; f <<= 1) {	/* name, comment */
		if (!(flags & f))
			continue;
		while (p < end && *p)
			p++;
		p++;
	}
	return flags & 2 ? p + 2 : p;
}

int unpack_gzip(struct unpack_io *io)
{
	struct inflate *z = io->work;
	int rc = 0;
	bool last = false;

	if (io->in_size < 18)
		return -EINVAL;
	*z = (struct inflate){ .io = io, .end = io->in + io->in_size };
	z->in = skip_header(io->in, z->end);
	if (!z->in || z->in >= z->end)
		return -EINVAL;
	while (!last && !rc) {
		last = take(z, 1);
		switch (take(z, 2)) {
		case 0: rc = stored(z); break;
		case 1: rc = fixed(z); break;
		case 2: rc = dynamic(z); break;
		default: rc = -EINVAL;
		}
		if (z->short_by > 8)
			return -EINVAL;
	}
	return rc;
}
