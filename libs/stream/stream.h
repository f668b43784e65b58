/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A saved or moving PV guest as a stream of bytes, in the public formats: xl's file around libxl's stream (version 2) around
 * libxc's image (version 2, or 3, which Debian's tools write). The stream may come from anybody: each value is checked, the order
 * of the records is, and what is wrong is refused with the reason and the place. Only 64-bit PV guests.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "why/why.h"

#define STREAM_PAGE	   4096u
#define STREAM_BATCH_MAX   1024u	/* pages of one record */
#define STREAM_VCPUS_MAX   512u
#define STREAM_CONFIG_MAX  (1u << 20)

/* Types of frames (xen/domctl.h: XEN_DOMCTL_PFINFO_*, shifted down by 28); those that are only allocated are zero here. */
enum stream_frame {
	STREAM_DATA, STREAM_L1, STREAM_L2, STREAM_L3, STREAM_L4, STREAM_PINNED = 8,
	STREAM_BROKEN = 13, STREAM_ALLOC_ONLY, STREAM_ABSENT,
};
#define STREAM_FRAME_TYPE(word) ((unsigned)((word) >> 60))
#define STREAM_FRAME_PFN(word)	((word) & ((1ull << 52) - 1))
static inline bool stream_frame_has_data(uint64_t word) { return STREAM_FRAME_TYPE(word) < STREAM_BROKEN; }

static inline bool stream_is_zero(const uint8_t *p, size_t n) { return !n || (!*p && !memcmp(p, p + 1, n - 1)); }

/* A record of ours, which readers that do not know it pass over: a round of a running guest's memory is over. */
#define STREAM_ROUND 0x80616e72u

enum stream_vcpu { STREAM_VCPU_BASIC, STREAM_VCPU_EXTENDED, STREAM_VCPU_XSAVE, STREAM_VCPU_MSRS, STREAM_VCPU_KINDS };

struct stream_tsc { uint32_t mode, khz; uint64_t ns; uint32_t incarnation; };

/*
 * Where the parts go, in the stream's order. Each may be NULL; a negative errno ends the reading and is its result, with the reason
 * in why. What is pointed to is valid during the call.
 */
struct stream_taker {
	int (*config)(void *arg, const char *text, size_t size, struct why *why);	/* xl's note of the guest's configuration */
	int (*image)(void *arg, unsigned version, unsigned xen_major, unsigned xen_minor, struct why *why);
	/* Frames [0, last_pfn] there are at most; the n frames in which the guest keeps its list of them. */
	int (*p2m)(void *arg, uint64_t last_pfn, const uint64_t *pfns, unsigned n, struct why *why);
	/* Where the coming pages' contents are read to, `with` of them in a row; no place(): to the reader's memory. */
	int (*place)(void *arg, const uint64_t *words, unsigned n, unsigned with, uint8_t **to, struct why *why);
	/*
	 * Words of type and number; data: the pages of those that have contents, one after the other, where place() said. A frame
	 * may come again.
	 */
	int (*pages)(void *arg, const uint64_t *words, unsigned n, const uint8_t *data, struct why *why);
	/* The guest, which still runs, has been sent once more. Only our own writer tells of that. */
	int (*round)(void *arg, struct why *why);
	int (*tsc)(void *arg, const struct stream_tsc *tsc, struct why *why);
	int (*shared_info)(void *arg, const uint8_t *page, struct why *why);
	int (*vcpu)(void *arg, enum stream_vcpu kind, unsigned vcpu, const uint8_t *data, size_t size, struct why *why);
	int (*policy)(void *arg, bool msrs, const uint8_t *data, size_t size, struct why *why);
};

/* Reads exactly n bytes; a negative errno, -ENODATA at the end. */
typedef int stream_read_fn(void *from, void *to, size_t n);

/* A whole file of xl's, or (bare) the stream that xl sends to another host after its own greeting. 0: all was there, to its end. */
int stream_read_file(stream_read_fn *read, void *from, const struct stream_taker *taker, void *arg, struct why *why);
int stream_read_bare(stream_read_fn *read, void *from, const struct stream_taker *taker, void *arg, struct why *why);

#endif
