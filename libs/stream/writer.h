/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other direction: a PV guest's parts become the bytes that stream.h's readers, and Debian's tools, take:
 * version 3 of libxc's image in version 2 of libxl's stream. The caller keeps the order: file, begin,
 * policies, p2m, pages, tsc, shared info, vCPUs, end. Functions return 0 or what the writer's function
 * returned.
 */
#ifndef STREAM_WRITER_H
#define STREAM_WRITER_H

#include <sys/uio.h>
#include "stream/stream.h"

struct stream_writer {
	int (*write)(void *to, struct iovec *v, int n);	/* all of it, or a negative errno; may change v */
	int (*skip)(void *to, uint64_t n);	/* may be NULL: instead of n zeros, which are there already */
	void *to;
	uint64_t written;
};
/* A page of zeros: what may be skipped is known by this address. */
extern const uint8_t stream_zeros[STREAM_PAGE];

/* The head of xl's file. config: JSON, with its final zero counted. */
int stream_put_file(struct stream_writer *w, const char *config, size_t size);
int stream_put_begin(struct stream_writer *w, unsigned xen_major, unsigned xen_minor);
int stream_put_policy(struct stream_writer *w, bool msrs, const void *data, size_t size);
int stream_put_p2m(struct stream_writer *w, uint64_t last_pfn, const uint64_t *pfns);
/* n <= STREAM_BATCH_MAX words; data: the pages of those that have contents. */
int stream_put_pages(struct stream_writer *w, const uint64_t *words, unsigned n, const void *const *data);
int stream_put_round(struct stream_writer *w);
int stream_put_tsc(struct stream_writer *w, const struct stream_tsc *tsc);
int stream_put_shared_info(struct stream_writer *w, const void *page);
int stream_put_vcpu(struct stream_writer *w, enum stream_vcpu kind, unsigned vcpu, const void *data, size_t size);
int stream_put_end(struct stream_writer *w);

#endif
