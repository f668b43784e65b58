// SPDX-License-Identifier: GPL-2.0-or-later
// sources: boot/memmap.c mem/ram.c
/*
 * Story: firmware lists memory twice, in any order, and overlapping. What would be wrong: device memory taken for RAM, or the same
 * RAM handed out twice. The model paints a small address space page by page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/memmap.h"
#include "mem/ram.h"

#define PAGES 2048u
#define UNIT 0x800ull	/* half a page: borders need not be page borders */

static struct boot_info b;
static uint8_t painted[PAGES * 2];

static unsigned rank(uint8_t type) { return type == 1 ? 1 : type ? type + 1u : 0; }

static void add(uint64_t start, uint64_t size, uint8_t type)
{
	b.mem[b.nr_mem++] = (struct boot_mem){ start * UNIT, size * UNIT, type, 0 };
	for (uint64_t i = start; i < start + size; i++)
		if (rank(type) > rank(painted[i]))
			painted[i] = type;
}

static void check_map(void)
{
	uint64_t last = 0;
	unsigned at = 0;

	for (unsigned i = 0; i < b.nr_mem; i++) {
		const struct boot_mem *m = &b.mem[i];

		assert_true(m->size && m->start >= last);
		for (; at < m->start / UNIT; at++)
			assert_int_equal(painted[at], 0);
		for (; at < (m->start + m->size) / UNIT; at++)
			assert_int_equal(painted[at], m->type);
		assert_true(!i || m[-1].type != m->type || m[-1].start + m[-1].size != m->start);
		last = m->start + m->size;
	}
	for (; at < PAGES * 2; at++)
		assert_int_equal(painted[at], 0);
}

static void random_map(void)
{
	unsigned n = 1 + rand() % 30;

	memset(&b, 0, sizeof(b));
	memset(painted, 0, sizeof(painted));
	for (unsigned i = 0; i < n; i++) {
		uint64_t s = rand() % (PAGES * 2 - 1);

		add(s, 1 + rand() % (PAGES * 2 - s), rand() % 2 ? 1 : 1 + rand() % 5);
	}
	boot_sort_mem(&b);
}

static void maps(void **state)
{
	for (int i = 0; i < 3000; i++) {
		random_map();
		check_map();
	}
}

static void full_table(void **state)
{
	memset(&b, 0, sizeof(b));
	/* Reserved pages within one large piece of RAM: more pieces than there is room for */
	for (unsigned i = 0; i < 256; i++)
		b.mem[b.nr_mem++] = i ? (struct boot_mem){ i * 0x10000ull, 0x1000, 2, 0 } :
					(struct boot_mem){ 0, 1ull << 32, 1, 0 };
	boot_sort_mem(&b);
	assert_true(b.nr_mem <= 256);
	for (unsigned i = 0; i + 1 < b.nr_mem; i++)
		assert_true(b.mem[i].start + b.mem[i].size <= b.mem[i + 1].start);
}

static bool is_ram(uint64_t page) { return page >= 256 && painted[page * 2] == 1 && painted[page * 2 + 1] == 1; }

static bool in(const struct ram_list *l, uint64_t page)
{
	struct ram_range r;

	return ram_next(l, page, page + 1, &r);
}

static void frames(void **state)
{
	static bool taken[PAGES];

	for (int i = 0; i < 400; i++) {
		random_map();
		memset(taken, 0, sizeof(taken));
		ram_init(&b, PAGES);
		for (int k = 0; k < 20; k++) {
			uint64_t n = 1 + rand() % 60, align = 1ull << rand() % 6, limit = rand() % PAGES;
			mfn_t m = ram_take(n, align, limit);

			if (mfn_is_invalid(m))
				continue;
			assert_true(m.n % align == 0 && m.n + n <= limit);
			for (uint64_t p = m.n; p < m.n + n; p++) {
				assert_true(is_ram(p) && !taken[p]);
				taken[p] = true;
			}
			if (rand() % 2) {
				ram_give_back(m.n, m.n + n);
				memset(taken + m.n, 0, n);
			}
		}
		for (uint64_t p = 0; p < PAGES; p++) {
			assert_int_equal(in(&ram_all, p), is_ram(p));
			assert_int_equal(in(&ram_usable, p), is_ram(p) && !taken[p]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(maps), cmocka_unit_test(full_table), cmocka_unit_test(frames) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
