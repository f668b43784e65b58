/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a PV guest names machine frames, and its translation: page tables, and the guest's own list of its frames. Pure. */
#ifndef STREAM_PV_H
#define STREAM_PV_H

#include <stdbool.h>
#include <stdint.h>
#include "why/why.h"

/* The frame that another stands for; false: there is none. */
typedef bool pv_frame_fn(void *arg, uint64_t frame, uint64_t *to);

/*
 * Copies a page table of 512 entries (in place, if both are the same), its frames translated; the hypervisor's own entries of a
 * level 4 table become 0. -1, or the index of an entry whose frame stands for nothing.
 */
int pv_table(unsigned level, const uint64_t *from, uint64_t *to, pv_frame_fn *translate, void *arg);

/* The two forms in which a guest says where its list is (xen/arch-x86/xen.h, struct arch_shared_info). */
struct pv_list {
	uint64_t nr;		/* frames that it has room for */
	uint64_t cr3, address;	/* the list, in an address space; cr3 0: */
	uint64_t list_list;	/* a frame of frames of frames of the list */
};
/* A copy of one of the guest's frames; false: it has no such. */
typedef bool pv_read_fn(void *arg, uint64_t mfn, uint64_t *page);
/* The (nr + 511) / 512 machine frames of the list. */
int pv_list_frames(const struct pv_list *l, pv_read_fn *read, void *arg, uint64_t *frames, struct why *why);

#endif
