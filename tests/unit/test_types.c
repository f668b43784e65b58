// SPDX-License-Identifier: GPL-2.0-or-later
// sources:
/*
 * Story: MIN and MAX look at each argument once. What is read may change between two looks: the clock, or a word that others write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/types.h"

static int64_t deadline = 3, looks;

static int64_t clock_now(void)
{
	return ++looks * 2;	/* past the deadline at the second look */
}

static void one_look(void **state)
{
	assert_int_equal(MAX(deadline - clock_now(), 0), 1);
	assert_int_equal(looks, 1);
	assert_int_equal(MIN(MAX(clock_now(), 3), 9), 4);
	assert_int_equal(looks, 2);
}

static void common_type(void **state)
{
	uint64_t wide = 1ull << 40;
	uint32_t narrow = 7;

	assert_true(MIN(wide, narrow) == 7 && MAX(narrow, wide) == wide);
	assert_int_equal(sizeof(MIN(narrow, wide)), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_look), cmocka_unit_test(common_type) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
