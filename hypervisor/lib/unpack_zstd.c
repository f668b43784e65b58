// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Zstandard frames (RFC 8878). The output buffer is the window. Blocks: literals (raw, run, Huffman) and sequences of
 * three FSE-coded numbers, read from bit streams that run backwards.
 */
#include "lib/unpack_priv.h"
#include "lib/string.h"

#define BLOCK_MAX	(128u << 10)
#define MAX_FSE_LOG	9

struct fse_entry { uint16_t base; uint8_t symbol, bits; };
struct fse { struct fse_entry e[1 << MAX_FSE_LOG]; unsigned log; bool set; };
struct zstd {
	struct unpack_io *io;
	size_t frame_start;
	struct fse ll, of, ml, weights;
	struct { uint8_t symbol, bits; } huf[1 << 11];
	unsigned huf_log;
	uint32_t rep[3];
	uint8_t literals[BLOCK_MAX];
};
BUILD_ASSERT(sizeof(struct zstd) <= UNPACK_WORK);

/* A stream read from its last set bit downwards. 'left' goes below zero when more is asked for than there is. */
struct back { const uint8_t *p; int64_t left; };

static bool back_open(struct back *b, const uint8_t *p, size_t n)
{
	if (!n || !p[n - 1])
		return false;
	b->p = p;
	b->left = (int64_t)n * 8 - (__builtin_clz(p[n - 1]) - 24) - 1;
	return true;
}

static uint64_t back_peek(const struct back *b, unsigned n)
{
	int64_t at = b->left - n;
	uint64_t v = 0;
	unsigned shift = 0;

	if (at < 0) {
		if (b->left <= 0)
			return 0;
		shift = -at;
		at = 0;
	}
	for (int64_t byte = at >> 3, end = (b->left + 7) >> 3, i = 0; byte < end && i < 8; byte++, i++)
		v |= (uint64_t)b->p[byte] << (8 * i);
	v >>= at & 7;
	return (v & ((1ull << (n - shift)) - 1)) << shift;
}

static uint64_t back_take(struct back *b, unsigned n)
{
	uint64_t v = n ? back_peek(b, n) : 0;

	b->left -= n;
	return v;
}

/* Forward bits, for the tables' descriptions. */
struct fwd { const uint8_t *p; size_t size, pos; };	/* pos in bits */

static unsigned fwd_take(struct fwd *f, unsigned n)
{
	unsigned v = 0;

	for (unsigned i = 0; i < n; i++, f->pos++)
		if (f->pos >> 3 < f->size)
			v |= (f->p[f->pos >> 3] >> (f->pos & 7) & 1u) << i;
	return v;
}

static bool fse_build(struct fse *t, const int16_t *prob, unsigned n, unsigned log)
{
	unsigned size = 1u << log, high = size, pos = 0, step = (size >> 1) + (size >> 3) + 3;
	uint16_t next[256];

	for (unsigned s = 0; s < n; s++) {
		if (prob[s] == -1)
			t->e[--high].symbol = s;
		next[s] = prob[s] == -1 ? 1 : prob[s];
	}
	for (unsigned s = 0; s < n; s++)
		for (int i = 0; i < prob[s]; i++) {
			t->e[pos].symbol = s;
			do
				pos = (pos + step) & (size - 1);
			while (pos >= high);
		}
	if (pos)
		return false;
	for (unsigned i = 0; i < size; i++) {
		unsigned x = next[t->e[i].symbol]++;

		t->e[i].bits = log - (31 - __builtin_clz(x));
		t->e[i].base = (x << t->e[i].bits) - size;
	}
	t->log = log;
	t->set = true;
	return true;
}

/* Reads a table's description; returns its bytes or 0. */
static size_t fse_read(struct fse *t, const uint8_t *p, size_t n, unsigned max_log, unsigned max_symbol)
{
	struct fwd f = { p, n, 0 };
	unsigned log = fwd_take(&f, 4) + 5, s = 0;
	int left = (1 << log) + 1;
	int16_t prob[256];

	if (log > max_log)
		return 0;
	while (left > 1 && s <= max_symbol) {
		unsigned bits = 32 - __builtin_clz(left), v = fwd_take(&f, bits);
		unsigned low = (1u << (bits - 1)) - 1, threshold = (1u << bits) - 1 - left;

		if ((v & low) < threshold) {
			f.pos--;
			v &= low;
		} else if (v > low) {
			v -= threshold;
		}
		prob[s] = (int)v - 1;
		left -= prob[s] < 0 ? -prob[s] : prob[s];
		if (left < 1)
			return 0;
		if (!prob[s++]) {
			unsigned more;

			do {
				more = fwd_take(&f, 2);
				for (unsigned i = 0; i < more && s <= max_symbol; i++)
					prob[s++] = 0;
			} while (more == 3 && s <= max_symbol);
		}
	}
	if (left != 1 || (f.pos + 7) >> 3 > n || !fse_build(t, prob, s, log))
		return 0;
	return (f.pos + 7) >> 3;
}

static bool huf_build(struct zstd *z, uint8_t *w, unsigned n)
{
	unsigned sum = 0, log, left, pos = 0;

	for (unsigned i = 0; i < n; i++) {
		if (w[i] > 11)
			return false;
		sum += w[i] ? 1u << (w[i] - 1) : 0;
	}
	if (!sum || n > 255)
		return false;
	log = 32 - __builtin_clz(sum);
	left = (1u << log) - sum;
	if (log > 11 || (left & (left - 1)))
		return false;
	w[n++] = 32 - __builtin_clz(left);
	for (unsigned weight = 1; weight <= log; weight++)
		for (unsigned s = 0; s < n; s++)
			for (unsigned i = 0; w[s] == weight && i < 1u << (weight - 1); i++, pos++) {
				z->huf[pos].symbol = s;
				z->huf[pos].bits = log + 1 - weight;
			}
	z->huf_log = log;
	return pos == 1u << log;
}

static unsigned fse_weights(struct zstd *z, const uint8_t *p, size_t n, uint8_t *w)
{
	size_t used = fse_read(&z->weights, p, n, 6, 255);
	unsigned s1, s2, count = 0;
	struct back b;

	if (!used || !back_open(&b, p + used, n - used))
		return 0;
	s1 = back_take(&b, z->weights.log);
	s2 = back_take(&b, z->weights.log);
	while (count < 254) {
		struct fse_entry e = z->weights.e[s1];

		w[count++] = e.symbol;
		if (b.left < e.bits) {
			w[count++] = z->weights.e[s2].symbol;
			return count;
		}
		s1 = s2;
		s2 = e.base + back_take(&b, e.bits);
	}
	return 0;
}

/* Huffman tree description: bytes used or 0. */
static size_t huf_read(struct zstd *z, const uint8_t *p, size_t n)
{
	uint8_t w[257] = { 0 };
	unsigned count;

	if (!n)
		return 0;
	if (p[0] < 128) {
		if (p[0] > n - 1)
			return 0;
		count = fse_weights(z, p + 1, p[0], w);
		return count && huf_build(z, w, count) ? p[0] + 1u : 0;
	}
	count = p[0] - 127;
	if ((count + 1) / 2 > n - 1)
		return 0;
	for (unsigned i = 0; i < count; i++)
		w[i] = i & 1 ? p[1 + i / 2] & 15 : p[1 + i / 2] >> 4;
	return huf_build(z, w, count) ? 1 + (count + 1) / 2 : 0;
}

static bool huf_stream(struct zstd *z, const uint8_t *p, size_t n, uint8_t *out, size_t size)
{
	struct back b;

	if (!back_open(&b, p, n))
		return false;
	while (size--) {
		unsigned v = back_peek(&b, z->huf_log);

		*out++ = z->huf[v].symbol;
		b.left -= z->huf[v].bits;
	}
	return b.left == 0;
}

static bool huf_four(struct zstd *z, const uint8_t *p, size_t n, uint8_t *out, size_t size)
{
	size_t part = (size + 3) / 4, at = 6, len[4];

	if (n < 10 || size < 6)
		return false;
	for (unsigned i = 0; i < 3; i++)
		len[i] = p[2 * i] | p[2 * i + 1] << 8;
	if (len[0] + len[1] + len[2] > n - 6)
		return false;
	len[3] = n - 6 - len[0] - len[1] - len[2];
	for (unsigned i = 0; i < 4; i++) {
		size_t now = i < 3 ? part : size - 3 * part;

		if (!huf_stream(z, p + at, len[i], out + i * part, now))
			return false;
		at += len[i];
	}
	return true;
}

/* Stored or repeated literals: bytes used or 0. */
static size_t plain_literals(struct zstd *z, const uint8_t *p, size_t n, uint64_t h, size_t *size)
{
	unsigned format = h >> 2 & 3, hdr = format == 1 ? 2 : format == 3 ? 3 : 1;
	bool run = h & 1;

	*size = h >> (hdr == 1 ? 3 : 4) & ((1u << (hdr == 1 ? 5 : hdr == 2 ? 12 : 20)) - 1);
	if (*size > BLOCK_MAX || hdr + (run ? 1 : *size) > n)
		return 0;
	if (run)
		memset(z->literals, p[hdr], *size);
	else
		memcpy(z->literals, p + hdr, *size);
	return hdr + (run ? 1 : *size);
}

static size_t huffman_literals(struct zstd *z, const uint8_t *p, size_t n, uint64_t h, size_t *size)
{
	unsigned format = h >> 2 & 3, bits = format < 2 ? 10 : format == 2 ? 14 : 18, hdr = format < 2 ? 3 : format + 2;
	size_t packed = h >> (4 + bits) & ((1u << bits) - 1), tree = 0;
	bool own_tree = (h & 3) == 2;

	*size = h >> 4 & ((1u << bits) - 1);
	if (hdr + packed > n || *size > BLOCK_MAX)
		return 0;
	if (own_tree)
		tree = huf_read(z, p + hdr, packed);
	if (own_tree ? !tree : !z->huf_log)
		return 0;
	if (!(format ? huf_four : huf_stream)(z, p + hdr + tree, packed - tree, z->literals, *size))
		return 0;
	return hdr + packed;
}

/* The literals section: bytes used or 0; *size literals in z->literals. */
static size_t literals(struct zstd *z, const uint8_t *p, size_t n, size_t *size)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < 5 && i < n; i++)
		h |= (uint64_t)p[i] << (8 * i);
	if (!n)
		return 0;
	return ((h & 3) < 2 ? plain_literals : huffman_literals)(z, p, n, h, size);
}

static const int16_t ll_default[36] = {
	4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1,
	1, 1, -1, -1, -1, -1
};
static const int16_t ml_default[53] = {
	1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1
};
static const int16_t of_default[29] = {
	1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	-1
};

static bool table(struct fse *t, unsigned mode, const uint8_t **p, const uint8_t *end, const int16_t *dflt, unsigned n,
		  unsigned dflt_log, unsigned max_log, unsigned max_symbol)
{
	size_t used;

	switch (mode) {
	case 0:
		return fse_build(t, dflt, n, dflt_log);
	case 1:
		if (*p == end || **p > max_symbol)
			return false;
		t->e[0] = (struct fse_entry){ 0, *(*p)++, 0 };
		t->log = 0;
		t->set = true;
		return true;
	case 2:
		used = fse_read(t, *p, end - *p, max_log, max_symbol);
		*p += used;
		return used != 0;
	}
	return t->set;
}

static const uint32_t ll_base[36] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48,
	64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536
};
static const uint8_t ll_bits[36] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9,
	10, 11, 12, 13, 14, 15, 16
};
static const uint32_t ml_base[53] = {
	3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	27, 28, 29, 30, 31, 32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259,
	515, 1027, 2051, 4099, 8195, 16387, 32771, 65539
};
static const uint8_t ml_bits[53] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
};

static uint32_t offset(struct zstd *z, uint64_t code_value, uint32_t ll)
{
	uint32_t o, which;

	if (code_value > 3) {
		o = code_value - 3;
		z->rep[2] = z->rep[1];
		z->rep[1] = z->rep[0];
		return z->rep[0] = o;
	}
	which = code_value - 1 + (ll == 0);
	if (!which)
		return z->rep[0];
	o = which == 3 ? z->rep[0] - 1 : z->rep[which];
	if (which > 1)
		z->rep[2] = z->rep[1];
	z->rep[1] = z->rep[0];
	return z->rep[0] = o;
}

static int put_literals(struct unpack_io *io, const uint8_t *from, size_t n)
{
	if (n > io->out_size - io->produced)
		return -ENOSPC;
	memcpy(io->out + io->produced, from, n);
	io->produced += n;
	return 0;
}

static int put_match(struct zstd *z, size_t d, size_t n)
{
	struct unpack_io *io = z->io;

	if (!d || d > io->produced - z->frame_start)
		return -EINVAL;
	if (n > io->out_size - io->produced)
		return -ENOSPC;
	for (; n; n--, io->produced++)
		io->out[io->produced] = io->out[io->produced - d];
	return 0;
}

static int run_sequences(struct zstd *z, struct back *b, unsigned nr, size_t nr_lits)
{
	unsigned sl = back_take(b, z->ll.log), so = back_take(b, z->of.log), sm = back_take(b, z->ml.log);
	size_t lit = 0;
	int rc;

	for (unsigned i = 0; i < nr; i++) {
		struct fse_entry el = z->ll.e[sl], eo = z->of.e[so], em = z->ml.e[sm];
		uint64_t ov;
		uint32_t ml, ll;

		if (b->left < 0 || eo.symbol > 31 || el.symbol > 35 || em.symbol > 52)
			return -EINVAL;
		ov = (1ull << eo.symbol) + back_take(b, eo.symbol);
		ml = ml_base[em.symbol] + back_take(b, ml_bits[em.symbol]);
		ll = ll_base[el.symbol] + back_take(b, ll_bits[el.symbol]);
		if (ll > nr_lits - lit)
			return -EINVAL;
		rc = put_literals(z->io, z->literals + lit, ll);
		if (!rc)
			rc = put_match(z, offset(z, ov, ll), ml);
		if (rc)
			return rc;
		lit += ll;
		if (i + 1 == nr)
			break;
		sl = el.base + back_take(b, el.bits);
		sm = em.base + back_take(b, em.bits);
		so = eo.base + back_take(b, eo.bits);
	}
	return b->left ? -EINVAL : put_literals(z->io, z->literals + lit, nr_lits - lit);
}

static int compressed_block(struct zstd *z, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	size_t nr_lits, used = literals(z, p, n, &nr_lits);
	unsigned nr, modes;
	struct back b;

	if (!used || used == n)
		return -EINVAL;
	p += used;
	nr = *p++;
	if (!nr)
		return put_literals(z->io, z->literals, nr_lits);
	if (nr == 255) {
		if (end - p < 2)
			return -EINVAL;
		nr = (p[0] | p[1] << 8) + 0x7f00;
		p += 2;
	} else if (nr > 127) {
		if (p == end)
			return -EINVAL;
		nr = ((nr - 128) << 8) + *p++;
	}
	if (p == end)
		return -EINVAL;
	modes = *p++;
	if (!table(&z->ll, modes >> 6, &p, end, ll_default, 36, 6, 9, 35) ||
	    !table(&z->of, modes >> 4 & 3, &p, end, of_default, 29, 5, 8, 31) ||
	    !table(&z->ml, modes >> 2 & 3, &p, end, ml_default, 53, 6, 9, 52) || !back_open(&b, p, end - p))
		return -EINVAL;
	return run_sequences(z, &b, nr, nr_lits);
}

static int frame(struct zstd *z, const uint8_t **pp, const uint8_t *end)
{
	static const uint8_t dict_bytes[4] = { 0, 1, 2, 4 }, size_bytes[4] = { 0, 2, 4, 8 };
	const uint8_t *p = *pp + 4;
	unsigned desc, hdr;
	bool last = false;
	int rc = 0;

	if (p == end)
		return -EINVAL;
	desc = *p++;
	hdr = !(desc & 32) + dict_bytes[desc & 3] + (desc >> 6 ? size_bytes[desc >> 6] : !!(desc & 32));
	if (hdr > (size_t)(end - p))
		return -EINVAL;
	p += hdr;
	z->frame_start = z->io->produced;
	z->rep[0] = 1;
	z->rep[1] = 4;
	z->rep[2] = 8;
	z->ll.set = z->of.set = z->ml.set = false;
	z->huf_log = 0;
	while (!last && !rc) {
		unsigned h, type;
		size_t size, packed;

		if (end - p < 3)
			return -EINVAL;
		h = p[0] | p[1] << 8 | p[2] << 16;
		p += 3;
		last = h & 1;
		type = h >> 1 & 3;
		size = h >> 3;
		packed = type == 1 ? 1 : size;
		if (type == 3 || packed > (size_t)(end - p) || size > BLOCK_MAX)
			return -EINVAL;
		if (type == 0)
			rc = put_literals(z->io, p, size);
		else if (type == 1)
			rc = (memset(z->literals, *p, size), put_literals(z->io, z->literals, size));
		else
			rc = compressed_block(z, p, size);
		p += packed;
	}
	*pp = p + (desc & 4 ? 4 : 0);
	return rc;
}

int unpack_zstd(struct unpack_io *io)
{
	const uint8_t *p = io->in, *end = io->in + io->in_size;
	struct zstd *z = io->work;
	int rc = 0;

	memset(z, 0, sizeof(*z) - sizeof(z->literals));
	z->io = io;
	while (!rc && end - p >= 9 && le32(p) == 0xfd2fb528)
		rc = frame(z, &p, end);
	return rc;
}
