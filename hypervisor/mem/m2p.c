/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/m2p.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mem/map.h"
#include "mem/ram.h"

#define INVALID_PIECE (~0u)
#define PIECES_MAX (1u << 13)	/* 8 TiB */

/* Frame number of each piece / 512; the direct map reaches every one. */
static uint32_t *piece;
static bool *piece_open;
static unsigned nr_pieces;

mfn_t m2p_piece(unsigned i)
{
	if (i >= nr_pieces || piece[i] == INVALID_PIECE)
		return INVALID_MFN;
	return MFN((uint64_t)piece[i] * M2P_PIECE_FRAMES);
}

void m2p_set(mfn_t m, uint64_t gfn)
{
	uint64_t *table = mfn_to_va(m2p_piece(m.n >> M2P_PIECE_SHIFT));

	WRITE_ONCE(table[m.n & ((1u << M2P_PIECE_SHIFT) - 1)], gfn);
}

void m2p_init(void)
{
	struct ram_range r;

	nr_pieces = DIV_ROUND_UP(max_mfn, 1ull << M2P_PIECE_SHIFT);
	BUG_ON(nr_pieces > PIECES_MAX);
	piece = map_early_zalloc(nr_pieces * sizeof(*piece));
	piece_open = map_early_zalloc(nr_pieces);
	for (unsigned i = 0; i < nr_pieces; i++) {
		uint64_t from = (uint64_t)i << M2P_PIECE_SHIFT;

		piece[i] = INVALID_PIECE;
		if (!ram_next(&ram_all, from, from + (1ull << M2P_PIECE_SHIFT), &r))
			continue;
		mfn_t m = ram_take(M2P_PIECE_FRAMES, M2P_PIECE_FRAMES, max_mfn);

		if (mfn_is_invalid(m))
			panic("No memory for the M2P");
		piece[i] = m.n / M2P_PIECE_FRAMES;
		map_table_for(M2P_VIRT_START + from * 8, true);
	}
}

void m2p_open(uint64_t mfn)
{
	unsigned i = mfn >> M2P_PIECE_SHIFT;

	if (piece_open[i])
		return;
	memset(mfn_to_va(m2p_piece(i)), 0xff, M2P_PIECE_FRAMES * PAGE_SIZE);
	map_large(M2P_VIRT_START + ((uint64_t)i << (M2P_PIECE_SHIFT + 3)), m2p_piece(i), PTE_P | PTE_U | PTE_A | PTE_NX);
	piece_open[i] = true;
}
