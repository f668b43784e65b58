/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The allocator's inside, for mem/ only: zones, free blocks, the form of a free frame's record. */
#ifndef MEM_BUDDY_H
#define MEM_BUDDY_H
#include "mem/alloc.h"

/*
 * A zone is a power of two of address: zone z holds frames [2^(z+11), 2^(z+12)), zone 0 all below 16 MiB. Memory is handed out
 * from the highest zone that will do, so that low memory is left for devices that need it.
 */
#define ZONE_SHIFT 12u
#define NR_ZONES 20u		/* up to 8 TiB */
#define FRAME_FREE (1ull << 57)		/* head of a free block: the record holds links */
#define FRAME_DIRTY (1ull << 58)	/* its contents are somebody's */
#define FRAME_UNUSED ((uint64_t)DOMID_NONE << FRAME_OWNER_SHIFT)	/* record of a frame that is nobody's */

#define ASIDE_MAX 64u	/* blocks freed dirty, of less than ASIDE_ORDER, that are not handed out yet */
#define ASIDE_ORDER 4u

static inline unsigned zone_of(uint64_t mfn)
{
	return mfn >> ZONE_SHIFT ? 64 - ZONE_SHIFT - (unsigned)__builtin_clzll(mfn) : 0;
}
void buddy_init(void *(*early_zalloc)(size_t size));
/* Adds frames that were never in use; records are FRAME_UNUSED. */
void buddy_add_range(uint64_t start, uint64_t end);
/* As frames_alloc from one node, without opening sections and without zeroing. */
struct frame *buddy_take(unsigned node, unsigned zone, unsigned order, bool want_clean, bool *dirty, uint32_t *stamp);
/* One dirty block of at most max_order, of zone top or below, off the lists, and back, clean and in no TLB. NULL: none there. */
struct frame *buddy_take_dirty(unsigned node, unsigned top, unsigned max_order, unsigned *order, uint32_t *stamp);
void buddy_settle(unsigned node);	/* what was put aside can be taken */
/* Have zone top and those below clean blocks beside dirty ones, which might merge if all were clean? */
bool buddy_mixed(unsigned node, unsigned top);
void buddy_put_clean(struct frame *f, unsigned order);
uint64_t buddy_free_count(unsigned node);
uint64_t buddy_dirty_count(unsigned node);
bool buddy_scrub_running(unsigned node);
#endif
