/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections: 128 MiB of address space each. A closed section's RAM costs nothing; opening it populates its part of the frame
 * table (512 KiB of its own memory or of an open one's), shows guests the M2P there, and gives its frames to the allocator, dirty.
 * A section never closes again. Lock: section_lock, outside the nodes' locks.
 */
#ifndef MEM_SECTION_H
#define MEM_SECTION_H
#include "mem/alloc.h"
#include "mem/ram.h"

#define SECTION_TABLE_FRAMES (SECTION_FRAMES * sizeof(struct frame) / PAGE_SIZE)	/* 128 */
#define SECTION_COST (SECTION_TABLE_FRAMES + 1)		/* and perhaps a page table */

enum section_state { SECTION_EMPTY, SECTION_CLOSED, SECTION_OPEN };
struct section {
	uint16_t usable;	/* frames that the allocator gets (before the cost of opening) */
	uint8_t node, state;
};
extern struct section *sections;
extern unsigned nr_sections;

void sections_init(struct section *table, unsigned nr);	/* table: zeroed; after all that is taken by ram_take */
/* Opens a section for whatever it holds (a boot module, say), usable or not. False: no memory. */
bool section_open_at(mfn_t m);
/*
 * Opens a closed section of 'node' whose last frame is in 'zone', so that a block of 'order' may become free. False: none is
 * left that could help.
 */
bool section_open_for(unsigned node, unsigned zone, unsigned order);
/* Frames of closed sections that opening them would make free. */
uint64_t sections_closed_frames(unsigned node);		/* NODE_ANY: all */
bool zone_has_closed(unsigned node, unsigned zone);
/* Gives memory of the boot (in no use, RAM, not in ram_usable) to the allocator: now, or when its section is opened. */
void section_give_back(uint64_t start, uint64_t end);
static inline bool section_is_open(uint64_t mfn)
{
	return (mfn >> SECTION_SHIFT) < nr_sections &&
	       __atomic_load_n(&sections[mfn >> SECTION_SHIFT].state, __ATOMIC_ACQUIRE) == SECTION_OPEN;
}
#endif
