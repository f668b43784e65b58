/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypervisor's heap: objects by size class, whole frames for what is larger. Any CPU, not from interrupt context. */
#ifndef MEM_HEAP_H
#define MEM_HEAP_H
#include "mem/alloc.h"
void *heap_alloc(size_t size);		/* NULL: no memory. Aligned to 16; to 64 from 64 bytes up; to the page from 4096 up */
void *heap_zalloc(size_t size);
void heap_free(void *p);
#define new_object(type) ((type *)heap_zalloc(sizeof(type)))
#define new_array(type, n) ((type *)((n) > SIZE_MAX / sizeof(type) ? NULL : heap_zalloc((n) * sizeof(type))))
void *heap_pages(unsigned order);	/* zeroed, direct-mapped, contiguous; NULL: no memory */
void heap_pages_free(void *va, unsigned order);
void heap_report(void);		/* prints what is in use; the counts are not of one instant */
#endif
