/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PV guest's frames, and its initial page tables over them. */
#ifndef BUILD_TABLES_H
#define BUILD_TABLES_H

#include <stdint.h>
#include "build/layout.h"

#define EXTENT_ORDER 9
#define EXTENT_PAGES 512ull

/* The machine's frame numbers: whole extents by their first, the others one by one. */
struct frames {
	uint64_t nr;
	uint64_t *extents;	/* 2 MiB each; FRAMES_SINGLE: look in singles[] */
	uint64_t **singles;
};
#define FRAMES_SINGLE UINT64_MAX
int frames_init(struct frames *f, uint64_t nr);
void frames_free(struct frames *f);
static inline uint64_t frames_mfn(const struct frames *f, uint64_t pfn)
{
	uint64_t extent = f->extents[pfn / EXTENT_PAGES];

	return extent != FRAMES_SINGLE ? extent + pfn % EXTENT_PAGES : f->singles[pfn / EXTENT_PAGES][pfn % EXTENT_PAGES];
}

/* Fills the tables of the layout at `memory` (nr_tables pages). */
void tables_fill(const struct layout *l, uint64_t virt_base, const struct frames *f, uint64_t *memory);
/* Writes the list of machine frames. */
void tables_p2m(const struct frames *f, uint64_t *list);

#endif
