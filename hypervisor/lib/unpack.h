/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decompression of kernel images: gzip, lzma, xz, lz4 (legacy frame), zstd. Pure functions on untrusted bytes; no output
 * beyond dst_size is ever written.
 */
#ifndef LIB_UNPACK_H
#define LIB_UNPACK_H
#include "lib/types.h"
/* Unpacks src by its magic into dst. 0 and *out = bytes written; -EINVAL damaged; -EOPNOTSUPP unknown format; -ENOSPC; -ENOMEM.
 * work: at least UNPACK_WORK bytes of scratch, 16-byte aligned. *format (if not NULL) is set to the format's name. */
#define UNPACK_WORK (512u << 10)
int unpack(const void *src, size_t n, void *dst, size_t dst_size, size_t *out, void *work, const char **format);
#endif
