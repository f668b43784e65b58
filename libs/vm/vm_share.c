// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/vm_share.h"

#define MIB 1024u

static uint64_t spare(const struct vm_giver *g)
{
	return g->kib > g->least ? g->kib - g->least : 0;
}

uint64_t vm_share(struct vm_giver *givers, unsigned n, uint64_t short_kib)
{
	uint64_t all = 0, left;

	for (unsigned i = 0; i < n; i++)
		all += spare(&givers[i]);
	left = short_kib < all ? short_kib : all;
	for (unsigned i = 0; i < n; i++) {
		uint64_t can = spare(&givers[i]), give = all ? (uint64_t)((unsigned __int128)short_kib * can / all) : 0;

		give = (give + MIB - 1) / MIB * MIB;
		give = give < can ? give : can;
		givers[i].target = givers[i].kib - give;
		left -= give < left ? give : left;
	}
	/* Rounding up gave more than was asked, or all that there is. */
	return short_kib > all ? short_kib - all : left;
}
