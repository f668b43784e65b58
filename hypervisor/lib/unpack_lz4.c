// SPDX-License-Identifier: GPL-2.0-or-later
/* lz4's legacy frame, as kernels are packed (lz4_Frame_format.md, "Legacy frame"; lz4_Block_format.md). */
#include "lib/unpack_priv.h"
#include "lib/string.h"

static bool extend(const uint8_t **p, const uint8_t *end, size_t *n)
{
	uint8_t b;

	if (*n != 15)
		return true;
	do {
		if (*p == end)
			return false;
		b = *(*p)++;
		*n += b;
	} while (b == 255);
	return true;
}

static int block(struct unpack_io *io, const uint8_t *p, const uint8_t *end, size_t start)
{
	while (p < end) {
		unsigned token = *p++;
		size_t n = token >> 4, d;

		if (!extend(&p, end, &n) || n > (size_t)(end - p))
			return -EINVAL;
		if (n > io->out_size - io->produced)
			return -ENOSPC;
		memcpy(io->out + io->produced, p, n);
		io->produced += n;
		p += n;
		if (p == end)
			return 0;
		if (end - p < 2)
			return -EINVAL;
		d = p[0] | p[1] << 8;
		p += 2;
		n = token & 15;
		if (!extend(&p, end, &n) || !d || d > io->produced - start)
			return -EINVAL;
		n += 4;
		if (n > io->out_size - io->produced)
			return -ENOSPC;
		for (; n; n--, io->produced++)
			io->out[io->produced] = io->out[io->produced - d];
	}
	return 0;
}

int unpack_lz4(struct unpack_io *io)
{
	const uint8_t *p = io->in + 4, *end = io->in + io->in_size;

	/* What follows the last block is the unpacked size, which the build of the kernel appends. */
	while (end - p > 4 && io->produced < io->out_size) {
		uint32_t size = le32(p);
		int rc;

		p += 4;
		if (size == 0x184c2102)
			continue;
		if (size > (size_t)(end - p))
			return -EINVAL;
		rc = block(io, p, p + size, io->produced);
		if (rc)
			return rc;
		p += size;
	}
	return 0;
}
