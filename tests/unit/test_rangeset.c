// SPDX-License-Identifier: GPL-2.0-or-later
// sources: lib/rangeset.c lib/string.c lib/bitmap.c
/*
 * Story: what a domain may touch is a set of ranges that tools grow and shrink in any order. What would be wrong: a number that is
 * in the set without having been added. The model is a bitmap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/rangeset.h"
#include "lib/bitmap.h"
#include "lib/errno.h"

#define TOP 256u

static unsigned long model[TOP / 64];
static unsigned fail_in;	/* that many allocations succeed yet; 0: all */

void *heap_zalloc(size_t size)
{
	if (fail_in && !--fail_in)
		return NULL;
	return calloc(1, size);
}
void heap_free(void *p) { free(p); }

struct seen { unsigned long map[TOP / 64], last; unsigned n; };

static int see(unsigned long s, unsigned long e, void *arg)
{
	struct seen *x = arg;

	assert_true(s <= e && e < TOP);
	assert_true(!x->n || s > x->last + 1);	/* in order, and neighbours are one */
	for (unsigned long i = s; i <= e; i++)
		set_bit(i, x->map);
	x->last = e;
	x->n++;
	return 0;
}

static void compare(struct rangeset *r)
{
	struct seen x = { .n = 0 };

	assert_int_equal(rangeset_for_each(r, see, &x), 0);
	assert_memory_equal(x.map, model, sizeof(model));
	for (int i = 0; i < 20; i++) {
		unsigned long s = rand() % TOP, e = s + rand() % (TOP - s);

		assert_int_equal(rangeset_contains(r, s, e), find_next_zero_bit(model, e + 1, s) > e);
		assert_int_equal(rangeset_overlaps(r, s, e), find_next_bit(model, e + 1, s) <= e);
	}
}

static void any_order(void **state)
{
	struct rangeset *r = rangeset_new("test");

	memset(model, 0, sizeof(model));
	for (int i = 0; i < 20000; i++) {
		unsigned long s = rand() % TOP, e = s + rand() % MIN(TOP - s, 40ul);
		bool add = rand() % 2;
		int rc;

		fail_in = rand() % 16 ? 0 : 1;
		rc = add ? rangeset_add(r, s, e) : rangeset_remove(r, s, e);
		fail_in = 0;
		assert_true(rc == 0 || rc == -ENOMEM);
		for (unsigned long k = s; !rc && k <= e; k++) {
			if (add)
				set_bit(k, model);
			else
				clear_bit(k, model);
		}
		compare(r);
	}
	rangeset_destroy(r);
}

static int count(unsigned long s, unsigned long e, void *arg)
{
	++*(int *)arg;
	return 0;
}

static void ends_of_the_world(void **state)
{
	struct rangeset *r = rangeset_new("a name that is longer than the room that there is for it");
	int n = 0;

	assert_int_equal(rangeset_add(r, 5, 4), -EINVAL);
	assert_int_equal(rangeset_remove(r, 5, 4), -EINVAL);
	assert_false(rangeset_contains(r, 5, 4));
	assert_int_equal(rangeset_add(r, ~0ul, ~0ul), 0);
	assert_int_equal(rangeset_add(r, 0, 0), 0);
	assert_int_equal(rangeset_for_each(r, count, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(rangeset_add(r, 0, ~0ul), 0);
	assert_true(rangeset_contains(r, 0, ~0ul));
	assert_int_equal(rangeset_remove(r, 1, ~0ul - 1), 0);
	assert_true(rangeset_contains(r, ~0ul, ~0ul));
	assert_false(rangeset_overlaps(r, 1, ~0ul - 1));
	rangeset_destroy(r);
	rangeset_destroy(NULL);
}

static void stops_when_told(void **state)
{
	struct rangeset *r = rangeset_new("x");
	struct seen x = { .n = 0 };

	assert_int_equal(rangeset_add(r, 1, 2), 0);
	assert_int_equal(rangeset_for_each(r, (int (*)(unsigned long, unsigned long, void *))see, &x), 0);
	assert_int_equal(x.n, 1);
	rangeset_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order), cmocka_unit_test(ends_of_the_world), cmocka_unit_test(stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
