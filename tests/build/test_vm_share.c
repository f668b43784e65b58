// SPDX-License-Identifier: GPL-2.0-or-later
/* Who gives memory to make room: enough together, nobody below its promise, each by what it has above it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "vm/vm_share.h"

#define MIB 1024u

static uint64_t given(const struct vm_giver *g, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += g[i].kib - g[i].target;
	return sum;
}

static void test_by_what_is_spare(void **state)
{
	struct vm_giver g[] = {{1, 400 * MIB, 100 * MIB, 0}, {2, 200 * MIB, 100 * MIB, 0}, {3, 100 * MIB, 100 * MIB, 0}};

	(void)state;
	assert_int_equal(vm_share(g, 3, 200 * MIB), 0);
	assert_int_equal(g[0].target, 250 * MIB);
	assert_int_equal(g[1].target, 150 * MIB);
	assert_int_equal(g[2].target, 100 * MIB);
}

static void test_not_enough(void **state)
{
	struct vm_giver g[] = {{1, 400 * MIB, 100 * MIB, 0}, {2, 50 * MIB, 100 * MIB, 0}};

	(void)state;
	assert_int_equal(vm_share(g, 2, 320 * MIB), 20 * MIB);
	assert_int_equal(g[0].target, 100 * MIB);
	assert_int_equal(g[1].target, 50 * MIB);
	assert_int_equal(vm_share(NULL, 0, 1), 1);
	assert_int_equal(vm_share(NULL, 0, 0), 0);
}

static void test_any(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 100000; round++) {
		struct vm_giver g[5];
		unsigned n = random() % 6;
		uint64_t wanted = (uint64_t)random() << random() % 20, all = 0, missing;

		for (unsigned i = 0; i < n; i++) {
			g[i] = (struct vm_giver){i, (uint64_t)random() << random() % 16, (uint64_t)random() << random() % 16, 0};
			all += g[i].kib > g[i].least ? g[i].kib - g[i].least : 0;
		}
		missing = vm_share(g, n, wanted);
		assert_int_equal(missing, wanted > all ? wanted - all : 0);
		assert_true(given(g, n) >= wanted - missing && given(g, n) <= wanted - missing + n * MIB);
		for (unsigned i = 0; i < n; i++)
			assert_true(g[i].target <= g[i].kib && (g[i].target >= g[i].least || g[i].target == g[i].kib));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_what_is_spare),
		cmocka_unit_test(test_not_enough),
		cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
