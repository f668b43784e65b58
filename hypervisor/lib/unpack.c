// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/unpack_priv.h"
#include "lib/string.h"

static const struct { const char *name; uint8_t magic[6]; uint8_t len; int (*fn)(struct unpack_io *io); } formats[] = {
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "gzip", { 0x1f, 0x8b, 8 }, 3, unpack_gzip },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "lzma", { 0x5d, 0, 0 }, 3, unpack_lzma },
};

int unpack(const void *src, size_t n, void *dst, size_t dst_size, size_t *out, void *work, const char **format)
{
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		struct unpack_io io = { src, n, dst, dst_size, 0, work };
		int rc;

		if (n < formats[i].len || memcmp(src, formats[i].magic, formats[i].len))
			continue;
		if (format)
			*format = formats[i].name;
		rc = formats[i].fn(&io);
		*out = io.produced;
		return rc;
	}
	return -EOPNOTSUPP;
}
