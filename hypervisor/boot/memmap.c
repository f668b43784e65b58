/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware's memory map made regular. Firmware lists overlap and come in any order; where two entries disagree, the one that
 * is not RAM wins, and of those the higher type.
 */
#include "boot/memmap.h"

#define MEM_RAM 1

/* No two types share a rank: part() would make an empty entry of two that start together. */
__init static uint32_t rank(uint32_t type)
{
	return type == MEM_RAM ? 0 : type;
}

__init static void remove_at(struct boot_info *b, unsigned i)
{
	for (b->nr_mem--; i < b->nr_mem; i++)
		b->mem[i] = b->mem[i + 1];
}

__init static void sort_by_start(struct boot_info *b)
{
	for (unsigned i = 1; i < b->nr_mem; i++) {
		struct boot_mem m = b->mem[i];
		unsigned j = i;

		for (; j && (b->mem[j - 1].start > m.start ||
			     (b->mem[j - 1].start == m.start && rank(b->mem[j - 1].type) < rank(m.type))); j--)
			b->mem[j] = b->mem[j - 1];
		b->mem[j] = m;
	}
}

/* Makes neighbours i and i + 1, which overlap and stand in order, not do so. True: sort again. */
__init static bool part(struct boot_info *b, unsigned i)
{
	struct boot_mem *x = &b->mem[i], *y = &b->mem[i + 1];
	uint64_t x_end = x->start + x->size, y_end = y->start + y->size;

	if (x->type == y->type) {
		x->size = MAX(x_end, y_end) - x->start;
		remove_at(b, i + 1);
	} else if (rank(x->type) > rank(y->type)) {
		if (y_end <= x_end) {
			remove_at(b, i + 1);
		} else {
			y->start = x_end;
			y->size = y_end - x_end;
		}
	} else {
		struct boot_mem rest = { .start = y_end, .size = x_end - y_end, .type = x->type };

		x->size = y->start - x->start;	/* not 0: equal starts stand by rank */
		if (x_end > y_end && b->nr_mem < ARRAY_SIZE(b->mem))
			b->mem[b->nr_mem++] = rest;
	}
	return true;
}

__init void boot_sort_mem(struct boot_info *b)
{
	bool again;

	do {
		again = false;
		sort_by_start(b);
		for (unsigned i = 0; i + 1 < b->nr_mem && !again; i++) {
			struct boot_mem *x = &b->mem[i], *y = x + 1;

			if (x->start + x->size > y->start)
				again = part(b, i);
			else if (x->start + x->size == y->start && x->type == y->type)
				again = part(b, i);
		}
	} while (again);
}
