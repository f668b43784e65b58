// SPDX-License-Identifier: GPL-2.0-or-later
// sources: lib/symbols.c
/* Story: a panic must name the right function for any address, and no function for an address outside all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/symbols.h"

#define BASE 0xffffffff80100000ul
#define COUNT 40u

static uint32_t offset[COUNT], groups[(COUNT + SYMTAB_GROUP - 1) / SYMTAB_GROUP];
static char names[COUNT * 8];
const struct symtab symtab = {
	.base = BASE, .end = BASE + COUNT * 0x20 + 8, .count = COUNT, .offset = offset, .groups = groups,
	.names = names,
};

static int fill(void **state)
{
	char *p = names;

	for (uint32_t i = 0; i < COUNT; i++) {
		offset[i] = i * 0x20 + 8;
		if (i % SYMTAB_GROUP == 0)
			groups[i / SYMTAB_GROUP] = p - names;
		p += sprintf(p, "f%u", i) + 1;
	}
	return 0;
}

static void finds_each_function(void **state)
{
	for (uint32_t i = 0; i < COUNT; i++) {
		char want[8];
		struct symbol s;

		sprintf(want, "f%u", i);
		for (uint32_t o = 0; o < 0x20; o += 0x1f) {
			assert_true(symbols_lookup(BASE + offset[i] + o, &s));
			assert_string_equal(s.name, want);
			assert_int_equal(s.offset, o);
			assert_int_equal(s.size, 0x20);
		}
	}
}

static void refuses_what_is_outside(void **state)
{
	struct symtab empty = { .count = 0 };
	struct symbol s = { .name = "untouched" };

	assert_false(symbols_lookup(BASE + 7, &s));
	assert_false(symbols_lookup(symtab.end, &s));
	assert_false(symbols_lookup(0, &s));
	assert_false(symbols_lookup(UINT64_MAX, &s));
	assert_false(symtab_find(&empty, BASE, &s));
	assert_string_equal(s.name, "untouched");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_each_function),
		cmocka_unit_test(refuses_what_is_outside),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
