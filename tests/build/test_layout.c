// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layout and page tables. Walked as a CPU walks them, the tables must map each frame of the initial region at its place, page
 * tables read-only, the p2m list where the kernel asked for it, and nothing else; parts never overlap.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "build/layout.h"
#include "build/tables.h"

#define BASE 0xffffffff80000000ull
static struct layout l;
static struct why why;

static struct image linux_image(void)
{
	return (struct image){ .nr_segments = 1, .start = 0x1000000, .end = 0x4a00123, .virt_base = BASE,
			       .entry = BASE + 0x1000000, .hypercall_page = IMAGE_UNSET,
			       .init_p2m = 0x8000000000, .initrd_unmapped = true };
}

static struct image grub_image(void)
{
	return (struct image){ .nr_segments = 1, .start = 0, .end = 0x613dc8, .virt_base = 0, .entry = 0,
			       .hypercall_page = IMAGE_UNSET, .init_p2m = IMAGE_UNSET };
}

/* Machine frames that are nowhere near the guest's numbers; some extents in single pages, backwards. */
static void give_frames(struct frames *f, uint64_t nr)
{
	assert_int_equal(frames_init(f, nr), 0);
	for (uint64_t i = 0; i * EXTENT_PAGES < nr; i++) {
		f->extents[i] = 0x100000 + (i ^ 5) * EXTENT_PAGES;
		if (i % 3 == 1 || (i + 1) * EXTENT_PAGES > nr) {
			f->singles[i] = malloc(EXTENT_PAGES * sizeof(uint64_t));
			for (uint64_t j = 0; j < EXTENT_PAGES; j++)
				f->singles[i][j] = f->extents[i] + EXTENT_PAGES - 1 - j;
			f->extents[i] = FRAMES_SINGLE;
		}
	}
}

/* The entry that maps an address, 0 if none does. */
static uint64_t walk(const uint64_t *memory, const struct frames *f, uint64_t virt)
{
	const uint64_t *table = memory;
	uint64_t entry = 0;

	for (int level = 3; level >= 0; level--) {
		entry = table[virt >> (12 + 9 * level) & 511];
		if (!(entry & 1) || level == 0)
			return entry;
		table = NULL;
		for (uint64_t i = 0; i < l.nr_tables; i++)
			if (frames_mfn(f, l.tables + i) == entry >> 12)
				table = memory + i * 512;
		assert_non_null(table);
		assert_int_equal(entry & 0x6, 0x6);
	}
	return entry;
}

static void check_tables(const struct image *image)
{
	struct frames f;
	uint64_t *memory = malloc(l.nr_tables * PAGE_SIZE), *list = malloc(l.nr_p2m * PAGE_SIZE), entry, found = 0;

	give_frames(&f, l.nr_pages);
	tables_fill(&l, image->virt_base, &f, memory);
	tables_p2m(&f, list);
	for (uint64_t pfn = 0; pfn < l.nr_pages; pfn++)
		assert_int_equal(list[pfn], frames_mfn(&f, pfn));
	for (uint64_t pfn = 0; pfn < l.mapped; pfn++) {
		bool table = pfn >= l.tables && pfn < l.tables + l.nr_tables;

		entry = walk(memory, &f, image->virt_base + (pfn << 12));
		assert_int_equal(entry & 0x7, table ? 5 : 7);
		assert_int_equal(entry >> 12, frames_mfn(&f, pfn));
	}
	for (uint64_t i = 0; l.p2m_outside && i < l.nr_p2m; i++) {
		entry = walk(memory, &f, l.p2m_virt + (i << 12));
		assert_int_equal(entry & 0x7, 7);
		assert_int_equal(entry >> 12, frames_mfn(&f, l.p2m + i));
	}
	/* All entries there are: tables below the root, and what was looked at above. */
	for (uint64_t i = 0; i < l.nr_tables * 512; i++)
		found += memory[i] & 1;
	assert_int_equal(found, l.nr_tables - 1 + l.mapped + (l.p2m_outside ? l.nr_p2m : 0));
	frames_free(&f);
	free(memory);
	free(list);
}

/* No two parts share a frame, and all lie in memory. */
static void check_parts(uint64_t initrd)
{
	const uint64_t parts[][2] = { { l.first, l.kernel_end - l.first }, { l.initrd, initrd },
				      { l.p2m, l.nr_p2m },
				      { l.start_info, 1 }, { l.store, 1 }, { l.console, 1 },
				      { l.tables, l.nr_tables }, { l.stack, 1 } };
	const unsigned n = sizeof(parts) / sizeof(parts[0]);

	for (unsigned i = 0; i < n; i++) {
		assert_true(parts[i][0] + parts[i][1] <= l.nr_pages);
		for (unsigned j = 0; j < i; j++)
			assert_true(!parts[i][1] || !parts[j][1] || parts[i][0] + parts[i][1] <= parts[j][0] ||
				    parts[j][0] + parts[j][1] <= parts[i][0]);
	}
	assert_true(l.stack < l.mapped);
}

static void sizes(void **state)
{
	static const uint64_t mib[] = { 128, 192, 256, 1024, 1537, 8192 };
	struct image image;

	for (unsigned i = 0; i < sizeof(mib) / sizeof(mib[0]); i++)
		for (unsigned kind = 0; kind < 4; kind++) {
			image = kind & 1 ? grub_image() : linux_image();
			assert_int_equal(layout_make(&l, &image, mib[i] * 256 + 3 * (kind >> 1), kind & 2 ? 3000001 : 0, &why),
					 0);
			assert_int_equal(l.nr_initrd, kind & 2 ? 733 : 0);
			check_parts(l.nr_initrd);
			check_tables(&image);
		}
}

static void too_small(void **state)
{
	struct image image = linux_image();
	uint64_t pages = 1;

	while (layout_make(&l, &image, pages, 20 << 20, &why))
		pages++;
	check_parts(l.nr_initrd);
	check_tables(&image);
	assert_int_equal(layout_make(&l, &image, pages - 1, 20 << 20, &why), -ENOMEM);
	assert_non_null(strstr(why.text, "need"));
	image = grub_image();
	for (pages = 1; layout_make(&l, &image, pages, 0, &why); )
		pages++;
	check_parts(0);
	check_tables(&image);
}

static void hostile(void **state)
{
	static const uint64_t p2m[] = { 0x8000000001, 0xffff800000000000, 0x00007fffffffffff & ~0xfffull, 0xfffffffffffff000,
					BASE, BASE - (1ull << 30), 0x0000900000000000 };
	struct image image = linux_image();

	for (unsigned i = 0; i < sizeof(p2m) / sizeof(p2m[0]); i++) {
		image.init_p2m = p2m[i];
		assert_int_equal(layout_make(&l, &image, 65536, 0, &why), -ENOEXEC);
	}
	image = linux_image();
	assert_int_equal(layout_make(&l, &image, 0, 0, &why), -EINVAL);
	assert_int_equal(layout_make(&l, &image, UINT64_MAX, 0, &why), -EINVAL);
	assert_int_equal(layout_make(&l, &image, 65536, UINT64_MAX, &why), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(too_small), cmocka_unit_test(hostile) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
