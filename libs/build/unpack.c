/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build/unpack.h"
#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LZMA_MEMORY (256u << 20)	/* dictionaries of kernels have up to 128 MiB */

struct packed {
	const uint8_t *data;
	size_t size;
	uint8_t *out;
	size_t limit, used;
};

static const struct {
	enum unpack_kind kind;
	const char *name;
	size_t length;
	const char *magic;
} kinds[] = {
	{ UNPACK_GZIP, "gzip", 3, "\x1f\x8b\x08" },
	{ UNPACK_BZIP2, "bzip2", 3, "BZh" },
	{ UNPACK_XZ, "xz", 6, "\xfd" "7zXZ\0" },
	{ UNPACK_LZMA, "lzma", 3, "\x5d\0\0" },
	{ UNPACK_LZO, "lzo", 9, "\x89LZO\0\r\n\x1a\n" },
	{ UNPACK_LZ4, "lz4", 4, "\x02\x21\x4c\x18" },
	{ UNPACK_ZSTD, "zstd", 4, "\x28\xb5\x2f\xfd" },
};

enum unpack_kind unpack_kind(const void *data, size_t size)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (size >= kinds[i].length && !memcmp(data, kinds[i].magic, kinds[i].length))
			return kinds[i].kind;
	return UNPACK_NONE;
}

const char *unpack_name(enum unpack_kind kind)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kind == kinds[i].kind)
			return kinds[i].name;
	return "unpacked";
}

static int unpack_gzip(struct packed *p)
{
	z_stream z = { .next_in = (uint8_t *)p->data, .avail_in = p->size, .next_out = p->out, .avail_out = p->limit };
	int rc;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	rc = inflate(&z, Z_FINISH);
	p->used = p->limit - z.avail_out;
	inflateEnd(&z);
	if (rc == Z_BUF_ERROR && z.avail_out == 0)
		return -EFBIG;
	return rc == Z_STREAM_END ? 0 : -EILSEQ;
}

static int unpack_bzip2(struct packed *p)
{
	bz_stream z = { .next_in = (char *)p->data, .avail_in = p->size, .next_out = (char *)p->out, .avail_out = p->limit };
	int rc;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return -ENOMEM;
	do
		rc = BZ2_bzDecompress(&z);
	while (rc == BZ_OK && z.avail_in && z.avail_out);
	p->used = p->limit - z.avail_out;
	BZ2_bzDecompressEnd(&z);
	if (rc == BZ_OK && z.avail_out == 0)
		return -EFBIG;
	return rc == BZ_STREAM_END ? 0 : -EILSEQ;
}

static int unpack_lzma(struct packed *p, bool xz)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_ret rc;

	z.next_in = p->data;
	z.avail_in = p->size;
	z.next_out = p->out;
	z.avail_out = p->limit;
	rc = xz ? lzma_stream_decoder(&z, LZMA_MEMORY, 0) : lzma_alone_decoder(&z, LZMA_MEMORY);
	if (rc != LZMA_OK)
		return -ENOMEM;
	do
		rc = lzma_code(&z, LZMA_FINISH);
	while (rc == LZMA_OK && z.avail_out);
	p->used = p->limit - z.avail_out;
	lzma_end(&z);
	if (rc == LZMA_OK && z.avail_out == 0)
		return -EFBIG;
	if (rc == LZMA_MEMLIMIT_ERROR || rc == LZMA_MEM_ERROR)
		return -ENOMEM;
	/* The old format need not have an end mark; then all that came in was all there is. */
	if (!xz && rc == LZMA_BUF_ERROR && z.avail_in == 0)
		return 0;
	return rc == LZMA_STREAM_END ? 0 : -EILSEQ;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0];
}

/* Where the blocks of an lzop file begin, or 0; *sums: how many checksums a block has before its data. */
static size_t lzop_blocks(const struct packed *p, unsigned *sums, unsigned *packed_sums)
{
	size_t at = 9;
	uint32_t version, flags;

	if (p->size < 64)
		return 0;
	version = (uint32_t)p->data[at] << 8 | p->data[at + 1];
	at += version >= 0x0940 ? 8 : 5;	/* versions, method, level */
	flags = be32(p->data + at);
	if (flags & 0x800)			/* filter */
		return 0;
	at += 4 + 4 + 4 + (version >= 0x0940 ? 4 : 0);	/* flags, mode, times */
	at += 1 + (size_t)p->data[at] + 4;	/* name, checksum */
	*sums = !!(flags & 0x1) + !!(flags & 0x100);
	*packed_sums = !!(flags & 0x2) + !!(flags & 0x200);
	return at;
}

static int unpack_lzo(struct packed *p)
{
	unsigned sums, packed_sums;
	size_t at = lzop_blocks(p, &sums, &packed_sums), head;
	uint32_t plain, packed;
	lzo_uint n;

	if (!at || lzo_init() != LZO_E_OK)
		return -EILSEQ;
	for (;;) {
		if (at > p->size || p->size - at < 4)
			return -EILSEQ;
		plain = be32(p->data + at);
		if (plain == 0)
			return 0;
		if (p->size - at < 8)
			return -EILSEQ;
		packed = be32(p->data + at + 4);
		head = 8 + 4 * (size_t)(sums + (packed < plain ? packed_sums : 0));
		if (packed > plain || p->size - at < head || packed > p->size - at - head)
			return -EILSEQ;
		if (plain > p->limit - p->used)
			return -EFBIG;
		at += head;
		n = plain;
		if (packed == plain)
			memcpy(p->out + p->used, p->data + at, plain);
		else if (lzo1x_decompress_safe(p->data + at, packed, p->out + p->used, &n, NULL) != LZO_E_OK || n != plain)
			return -EILSEQ;
		p->used += plain;
		at += packed;
	}
}

/* Blocks of up to 8 MiB, each after its packed length. What is no such block is behind the end. */
static int unpack_lz4(struct packed *p)
{
	const size_t block = 8u << 20;
	size_t at = 4, room;
	uint32_t packed;
	int n;

	while (p->size - at >= 4) {
		packed = le32(p->data + at);
		if (packed == 0x184c2102) {	/* another file's magic */
			at += 4;
			continue;
		}
		if (packed == 0 || packed > p->size - at - 4)
			break;
		room = p->limit - p->used < block ? p->limit - p->used : block;
		n = LZ4_decompress_safe((const char *)p->data + at + 4, (char *)p->out + p->used, packed, room);
		if (n < 0)
			return room < block ? -EFBIG : -EILSEQ;
		p->used += n;
		at += 4 + (size_t)packed;
		if ((size_t)n < block)
			break;
	}
	return p->used ? 0 : -EILSEQ;
}

static int unpack_zstd(struct packed *p)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_outBuffer out = { .dst = p->out, .size = p->limit };
	ZSTD_inBuffer in = { .src = p->data, .size = p->size };
	size_t frame = ZSTD_findFrameCompressedSize(p->data, p->size), rc;

	if (!context)
		return -ENOMEM;
	if (!ZSTD_isError(frame)) {	/* the whole frame at once needs no window */
		rc = ZSTD_decompressDCtx(context, p->out, p->limit, p->data, frame);
		p->used = ZSTD_isError(rc) ? 0 : rc;
	} else {
		rc = ZSTD_decompressStream(context, &out, &in);
		p->used = out.pos;
		rc = rc == 0 || ZSTD_isError(rc) ? rc : (size_t)-1;
	}
	ZSTD_freeDCtx(context);
	if (!ZSTD_isError(rc))
		return 0;
	return ZSTD_getErrorCode(rc) == ZSTD_error_dstSize_tooSmall ? -EFBIG : -EILSEQ;
}

static int unpack_one(enum unpack_kind kind, struct packed *p)
{
	switch (kind) {
	case UNPACK_GZIP:
		return unpack_gzip(p);
	case UNPACK_BZIP2:
		return unpack_bzip2(p);
	case UNPACK_XZ:
	case UNPACK_LZMA:
		return unpack_lzma(p, kind == UNPACK_XZ);
	case UNPACK_LZO:
		return unpack_lzo(p);
	case UNPACK_LZ4:
		return unpack_lz4(p);
	case UNPACK_ZSTD:
		return unpack_zstd(p);
	default:
		return -EILSEQ;
	}
}

int unpack(enum unpack_kind kind, const void *data, size_t size, void *out, size_t limit, size_t *used, struct why *why)
{
	struct packed p = { .data = data, .size = size, .out = out, .limit = limit };
	int rc;

	if (size > INT_MAX || limit > INT_MAX)
		return why_set(why, -EFBIG, "the kernel is larger than 2 GiB");
	rc = unpack_kind(data, size) == kind ? unpack_one(kind, &p) : -EILSEQ;
	*used = p.used;
	if (rc == -EFBIG)
		return why_set(why, rc, "the kernel unpacks to more than %zu MiB, which is all there is room for", limit >> 20);
	if (rc == -ENOMEM)
		return why_set(why, rc, "unpacking the kernel (%s) needs too much memory", unpack_name(kind));
	if (rc)
		return why_set(why, -ENOEXEC, "the kernel is damaged: its %s data do not unpack", unpack_name(kind));
	return 0;
}
