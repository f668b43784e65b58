/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vmap area (mem/alloc.h declares what others use). Private to mem/. */
#ifndef MEM_VMAP_H
#define MEM_VMAP_H
void vmap_init(void);	/* after the allocator works */
unsigned long vmap_tables(void);	/* frames that the area has taken for its page tables; they stay */
#endif
