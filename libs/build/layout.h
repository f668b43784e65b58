/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the parts of a PV guest's first memory go, as "start-of-day memory layout" in xen/xen.h says. Arithmetic only. */
#ifndef BUILD_LAYOUT_H
#define BUILD_LAYOUT_H

#include "build/image.h"

#define PAGE_SHIFT  12
#define PAGE_SIZE   4096ull
#define PFN_UP(n)   (((n) + PAGE_SIZE - 1) >> PAGE_SHIFT)

/* Guest frame numbers and counts of frames, unless they say otherwise. */
struct layout {
	uint64_t nr_pages;	/* all of the guest's memory */
	uint64_t first;		/* the first frame of the kernel */
	uint64_t kernel_end;
	uint64_t initrd, nr_initrd;
	uint64_t p2m, nr_p2m, p2m_virt;
	uint64_t start_info, store, console;
	uint64_t tables, nr_tables;	/* the first is the root */
	uint64_t stack;
	uint64_t mapped;	/* so many are in the initial page tables, from frame 0 at virt_base on */
	bool p2m_outside;	/* of the initial mapping: mapped where the kernel asked for it */
};

int layout_make(struct layout *l, const struct image *image, uint64_t nr_pages, uint64_t initrd_size, struct why *why);

#endif
