/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM before and below the allocator: which frames are RAM, and which of them nobody has taken. The first MiB counts as device
 * memory, as in Xen: dom0 maps what it likes of it, and the other CPUs start there.
 * Lock: none; boot CPU only until mem_init ends, then section_lock (mem/section.c).
 */
#ifndef MEM_RAM_H
#define MEM_RAM_H
#include "lib/types.h"
struct ram_range { uint64_t start, end; };	/* frames, end exclusive */
struct ram_list { unsigned nr; struct ram_range r[640]; };
extern struct ram_list ram_all, ram_usable;	/* sorted, not touching */
struct boot_info;
/* Fills both lists from the map; frames from 'limit' on are left out. False: no RAM. */
bool ram_init(const struct boot_info *b, uint64_t limit);
void ram_reserve(uint64_t start, uint64_t end);	/* out of ram_usable */
void ram_give_back(uint64_t start, uint64_t end);	/* into ram_usable */
/* Takes nr frames, aligned to 'align' (a power of two), as high as there are below 'limit'. INVALID_MFN: none. Not zeroed. */
mfn_t ram_take(uint64_t nr, uint64_t align, uint64_t limit);
/* The part of a list's first range at or after 'from' that lies below 'to'; false: none. */
bool ram_next(const struct ram_list *l, uint64_t from, uint64_t to, struct ram_range *out);
#endif
