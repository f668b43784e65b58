/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's own page tables. All root tables share what hangs below slots 256..271 (but the per-domain one), so the
 * third-level tables are made at boot and never change their place. Private to mem/; vmap_* is what others use.
 * Locks: the vmap area is written under vmap_lock, the frame table's part under section_lock, the M2P's as m2p.c says; the rest at
 * boot only.
 */
#ifndef MEM_MAP_H
#define MEM_MAP_H
#include "mem/alloc.h"
/* Boot: zeroed memory for good, whole pages; panics when there is none. Later tables come from frames_alloc. */
void *map_early_zalloc(size_t size);
void map_init(void);		/* direct map of all RAM, third-level tables; after ram_init */
void map_finish(void);		/* final rights of the image, host root into CR3; boot CPU */
/* Makes the tables down to the one that holds va's 2 MiB entry. user: the path allows user access. Boot only. */
void map_table_for(uint64_t va, bool user);
void map_entry_set(uint64_t va, uint64_t e);	/* the whole 2 MiB entry; the table exists */
void map_large(uint64_t va, mfn_t m, uint64_t flags);	/* 2 MiB; the table exists */
/* The 4 KiB entry for va. 'spare': a zeroed frame to become its table if there is none; set to NULL if used. */
uint64_t *map_pte(uint64_t va, void **spare);
void map_drop_init(void);	/* .init is unmapped; flushed by the caller */
#endif
