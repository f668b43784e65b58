// SPDX-License-Identifier: GPL-2.0-or-later
// sources: lib/unpack.c lib/unpack_gzip.c lib/unpack_lzma.c lib/unpack_xz.c lib/unpack_lz4.c lib/unpack_zstd.c lib/string.c
/*
 * The decompressors, each on bytes of its own format (the first two bytes choose it and the room for the output). Nothing is read
 * outside the input or written outside the output, the work area is enough, and each ends.
 */
#include "fuzz.h"
#include "lib/errno.h"
#include "lib/unpack_priv.h"

#define OUT_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const format[])(struct unpack_io *io) = {
		unpack_gzip, unpack_lzma, unpack_xz, unpack_lz4, unpack_zstd,
	};
	struct input in = { data, size };
	unsigned which = pick(&in, 6), room = (take(&in, 1) + 1) * (OUT_MAX / 256);
	uint8_t *bytes = malloc(in.left), *out = malloc(room);
	void *work = aligned_alloc(16, UNPACK_WORK);
	struct unpack_io io = { bytes, in.left, out, room, 0, work };
	size_t produced = 0;
	int rc;

	memset(work, 0xa5, UNPACK_WORK);
	memcpy(bytes, in.p, in.left);
	if (which < 5) {
		rc = format[which](&io);
		produced = io.produced;
	} else {
		rc = unpack(bytes, in.left, out, room, &produced, work, NULL);
	}
	CHECK(rc <= 0 && produced <= room);
	free(work);
	free(out);
	free(bytes);
	return 0;
}
