// SPDX-License-Identifier: GPL-2.0-or-later
// sources: lib/bitmap.c
/*
 * Story: who looks for the next bit of a map gives a size that is no multiple of a word, and a start beyond the end (XSA-307).
 * What would be wrong: a bit beyond the size is found, or a word beyond it read. Every size and start of a few words against a
 * loop over single bits; the map is exactly as long as its size needs, so that AddressSanitizer sees a read beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bitmap.h"

#define MOST 200

static unsigned long slow(const unsigned long *map, unsigned long size, unsigned long from, unsigned long want)
{
	while (from < size && (map[from / 64] >> (from % 64) & 1) != want)
		from++;
	return from < size ? from : size;
}

static void check_map(const unsigned long *map, unsigned long size)
{
	unsigned long n = 0;

	for (unsigned long from = 0; from < size + 70; from++) {
		assert_int_equal(find_next_bit(map, size, from), slow(map, size, from, 1));
		assert_int_equal(find_next_zero_bit(map, size, from), slow(map, size, from, 0));
	}
	for (unsigned long i = 0; i < size; i++)
		n += map[i / 64] >> (i % 64) & 1;
	assert_int_equal(bitmap_weight(map, size), n);
}

static void every_size(void **state)
{
	for (unsigned long size = 1; size < MOST; size++) {
		unsigned long words = BITS_TO_LONGS(size), *map = malloc(words * sizeof(long));

		for (int pattern = 0; pattern < 12; pattern++) {
			memset(map, pattern & 1 ? 0xff : 0, words * sizeof(long));
			for (int k = 0; k < pattern; k++)
				map[rand() % words] ^= 1ul << (rand() % 64);
			check_map(map, size);
		}
		free(map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_size) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
