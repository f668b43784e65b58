/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table from machine frame to guest frame, which guests read at M2P_VIRT_START. Its memory is set aside at boot in pieces of
 * 2 MiB, one for each GiB that has RAM, so that the tools may map it whole; a piece is filled, and shown to guests, when
 * the first section of its GiB is opened.
 */
#ifndef MEM_M2P_H
#define MEM_M2P_H
#include "mem/frame.h"
#define M2P_PIECE_SHIFT 18	/* frames that one piece covers: 1 GiB */
#define M2P_PIECE_FRAMES 512u	/* frames that it takes */
void m2p_init(void);		/* takes the memory (ram_take), no mapping of leaves yet */
void m2p_open(uint64_t mfn);	/* section_lock held */
#endif
