/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table from machine frame to guest frame, which guests read at M2P_VIRT_START. A page of it covers 2 MiB of RAM and has
 * memory of its own only once a domain has owned a frame there; before that guests see a page of invalid entries that all
 * share. Pages stay for good. A piece is what one entry of level 2 maps, 1 GiB of RAM: not mapped at all until a section of it
 * is opened, then by 4 KiB pages, or by one of 2 MiB if a domain is given half of it at once.
 *
 * The tools ask for the frames of whole pieces and map them (XENMEM_machphys_mfn_list). They get names, which no frame has; an
 * entry for a name becomes one for the page that is meant.
 */
#ifndef MEM_M2P_H
#define MEM_M2P_H
#include "mem/frame.h"
#define M2P_PIECE_SHIFT 18	/* frames that one piece covers: 1 GiB */
#define M2P_PIECE_FRAMES 512u	/* frames that it takes */
#define M2P_PAGE_SHIFT 9	/* frames that one page covers */
#define M2P_NAME (1ull << 39)	/* frame number by which page 0 of the table may be mapped */
void m2p_init(void);		/* no mapping yet */
void m2p_open(uint64_t mfn);	/* section_lock held */
/*
 * Before frames become a domain's: makes m2p_set possible for them. They belong to nobody else meanwhile. False: no memory.
 * Flushes TLBs: not under locks that are taken with interrupts off.
 */
bool __must_check m2p_back(mfn_t first, uint64_t nr);
/* At most so many frames are taken by m2p_back before domains can own n more, if these are not scattered. */
uint64_t m2p_cost(uint64_t n);
uint64_t m2p_frames(void);	/* taken so far */
/* The frame behind a name, made if need be; INVALID_MFN: no name, or no RAM there. As m2p_back. */
mfn_t m2p_named(mfn_t name);
#endif
