/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unpacking of kernels by Debian's libraries: gzip, bzip2, xz, lzma, lzo (lzop's file), lz4 (its legacy file), zstd. */
#ifndef BUILD_UNPACK_H
#define BUILD_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include "why/why.h"

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_BZIP2, UNPACK_XZ, UNPACK_LZMA, UNPACK_LZO, UNPACK_LZ4, UNPACK_ZSTD };

/* By the first bytes. */
enum unpack_kind unpack_kind(const void *data, size_t size);
const char *unpack_name(enum unpack_kind kind);
/* Unpacks to out, at most limit bytes; *used becomes their number. Bytes after the packed data's end are ignored. */
int unpack(enum unpack_kind kind, const void *data, size_t size, void *out, size_t limit, size_t *used, struct why *why);

#endif
