/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/bitmap.h"

static unsigned long find_next(const unsigned long *map, unsigned long size, unsigned long from, unsigned long flip)
{
	for (unsigned long i = from / 64; from < size; i++, from = i * 64) {
		unsigned long w = (map[i] ^ flip) & (~0ul << (from & 63));

		if (w)
			return MIN(i * 64 + __builtin_ctzl(w), size);
	}
	return size;
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
	return find_next(map, size, from, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
	return find_next(map, size, from, ~0ul);
}

/* No popcnt instruction is assumed, and no library function for it. */
static unsigned weight(unsigned long w)
{
	w -= (w >> 1) & 0x5555555555555555ul;
	w = (w & 0x3333333333333333ul) + ((w >> 2) & 0x3333333333333333ul);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0ful;
	return (w * 0x0101010101010101ul) >> 56;
}

unsigned long bitmap_weight(const unsigned long *map, unsigned long size)
{
	unsigned long n = 0, i;

	for (i = 0; i < size / 64; i++)
		n += weight(map[i]);
	if (size % 64)
		n += weight(map[i] & ((1ul << size % 64) - 1));
	return n;
}
