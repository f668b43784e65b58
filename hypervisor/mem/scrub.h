/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zeroing what a domain left behind, off the critical path: idle CPUs call scrub_some (mem/alloc.h). */
#ifndef MEM_SCRUB_H
#define MEM_SCRUB_H
#include "mem/alloc.h"
/* Guests whose mappings are gone may still have the frames in some CPU's TLB (tlb_clock): not after this. 0: nothing to do. */
void flush_since(uint32_t stamp);
void scrub_frames(struct frame *f, unsigned order);	/* zeroes 2^order frames */
bool scrub_zones(unsigned node, unsigned top);		/* one batch; false: nothing dirty (that is not being scrubbed elsewhere) */
#endif
