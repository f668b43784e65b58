/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame allocator: a buddy allocator per NUMA node, orders 0..MAX_ORDER, sections opened on demand. Freed frames of
 * domains are dirty: idle CPUs scrub them (mem/scrub.c), the allocator scrubs what it must hand out before that.
 * Any CPU; not from interrupt context. Lock: one per node, innermost but for the console's.
 */
#ifndef MEM_ALLOC_H
#define MEM_ALLOC_H
#include "mem/frame.h"
#include "mem/mem_init.h"
#define MAX_ORDER	18		/* 1 GiB */
#define NODE_ANY	0xffu
#define ALLOC_NODE(n)	((n) & 0xffu)	/* preferred */
#define ALLOC_EXACT	0x100u		/* that node or fail */
#define ALLOC_NO_SCRUB	0x200u		/* the caller overwrites it all (its own domain's image) */
#define ALLOC_MAX_BITS(b) ((unsigned)(b) << 16)	/* address below 1 << b; 0: anywhere */
struct frame *frames_alloc(unsigned order, unsigned flags);	/* NULL: no memory. Contents are zero unless ALLOC_NO_SCRUB */
void frames_free(struct frame *f, unsigned order, bool dirty);
uint64_t frames_free_count(unsigned node);	/* NODE_ANY: all; closed sections count, less what opening costs */
/*
 * One frame out of use: -EBUSY: it is not free; -EAGAIN: it may be, but its block is just being scrubbed. And back: -EINVAL: it was
 * not out of use. m must be mfn_valid.
 */
int frame_offline(mfn_t m);
int frame_online(mfn_t m);
uint64_t frames_total(void);
bool scrub_some(void);				/* idle: scrubs a batch; true if there is more */
unsigned mem_nr_nodes(void);
unsigned mfn_to_node(mfn_t m);
bool mem_range_is_ram(paddr_t start, paddr_t end);	/* any frame of [start,end) is RAM of the machine's map */
/* Mappings of the hypervisor's own: vmap area. flags: MAP_RW, MAP_UC ...; page tables are shared by all root tables. */
void *vmap_frames(const mfn_t *mfns, unsigned nr, uint64_t flags);	/* NULL: no memory */
void *vmap_range(paddr_t pa, size_t size, uint64_t flags);	/* device memory */
/* 'pages' pages, a power of two and aligned to as many, zeroed, for good; the one of index 'hole' is not there. NULL: no memory */
void *vmap_stack(unsigned pages, unsigned hole);
void vunmap(void *va);
/* The hypervisor's own root table (idle vCPUs, and CPUs between vCPUs) and the 16 entries that guests' roots copy. */
mfn_t host_root_mfn(void);
uint64_t host_root_entry(unsigned slot);	/* slots 256..271; the per-domain slot is 0 */
#endif
