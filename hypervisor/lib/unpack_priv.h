/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One function a format: the same arguments and errors as unpack(). */
#ifndef LIB_UNPACK_PRIV_H
#define LIB_UNPACK_PRIV_H
#include "lib/unpack.h"
#include "lib/errno.h"

typedef uint64_t __attribute__((may_alias, aligned(1))) unaligned_word;

struct unpack_io { const uint8_t *in; size_t in_size; uint8_t *out; size_t out_size; size_t produced; void *work; };
int unpack_gzip(struct unpack_io *io);
int unpack_lzma(struct unpack_io *io);		/* .lzma: the old one-stream format */
int unpack_xz(struct unpack_io *io);
int unpack_lz4(struct unpack_io *io);
int unpack_zstd(struct unpack_io *io);

/* The LZMA coder that xz and lzma share (lib/unpack_lzma.c). */
struct lzma;
#define LZMA_WORK (64u << 10)
void lzma_setup(struct lzma *l, void *work_unused, uint8_t *out, size_t out_size);
bool lzma_set_props(struct lzma *l, uint8_t props);	/* false: not possible (lc + lp > 4, pb > 4) */
void lzma_reset_state(struct lzma *l);
void lzma_reset_dict(struct lzma *l);			/* matches must not reach before here */
/* Decodes one range-coded piece: exactly 'unpacked' bytes, or until the end marker where that is ~0. *used: input bytes. */
int lzma_decode(struct lzma *l, const uint8_t *in, size_t n, size_t unpacked, size_t *used);
int lzma_copy(struct lzma *l, const uint8_t *in, size_t n);	/* stored piece */
size_t lzma_pos(const struct lzma *l);
static inline uint32_t le32(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }
static inline uint64_t le64(const uint8_t *p) { return le32(p) | (uint64_t)le32(p + 4) << 32; }
#endif
