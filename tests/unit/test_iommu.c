// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_mem.h x86/iommu/iopt.c x86/iommu/tables.c x86/iommu/dmar.c x86/iommu/ivrs.c
/*
 * Story: the firmware's tables say which IOMMUs there are, and may say nonsense; the page tables say what a device may reach. What
 * would be wrong: a table read beyond its end, a device left to the wrong unit, a frame that a device reaches after it was taken
 * away, or does not reach after it was given. The model of the page tables is an array of permissions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "x86/iommu/iopt.h"
#include "x86/iommu/tables.h"
#include "lib/errno.h"
#include "lib/panic.h"

unsigned char *host_ram;
struct frame *host_frames;
static unsigned pages, used, fail_in;	/* fail_in: that many allocations succeed yet; 0: all */

void printk(const char *fmt, ...) { (void)fmt; }
static void *alloc(unsigned order)
{
	assert_int_equal(order, 0);
	if (fail_in && !--fail_in)
		return NULL;
	used++;
	memset(host_ram + ++pages * PAGE_SIZE, 0, PAGE_SIZE);
	return host_ram + pages * PAGE_SIZE;
}
static void release(void *va, unsigned order) { memset(va, 0xee, PAGE_SIZE); used--; }
void *(*x86_alloc_pages)(unsigned order) = alloc;
void (*x86_free_pages)(void *va, unsigned order) = release;

/* --- page tables --- */

#define TOP (3u << 18)		/* frames of the model: 3 GiB, three tables of the third level */

static uint8_t model[TOP];

static void compare(struct iopt *t, uint64_t frame)
{
	assert_int_equal(iopt_get(t, frame), model[frame]);
}

static void one_step(struct iopt *t)
{
	/* Mostly among few neighbours, so that they meet. */
	uint64_t f = rand() % 4 ? (uint64_t)(rand() % 3) << 18 | (rand() % 2100) : (uint64_t)rand() % TOP;
	unsigned perms = rand() % 4, was = model[f];
	int rc;

	if (rand() % 50 == 0) {
		uint64_t n = rand() % 1500 + 1;

		f = rand() % 2 ? f & ~511ul : f;
		if (f + n > TOP)
			return;
		assert_int_equal(iopt_add_range(t, f, n, perms | IOPT_READ), 0);
		for (uint64_t i = 0; i < n; i++)
			model[f + i] |= perms | IOPT_READ;
		compare(t, f + n - 1);
		return;
	}
	rc = iopt_set(t, f, perms);
	assert_int_equal(rc, (was & ~perms) != 0);
	model[f] = perms;
}

static void run_format(const struct iopt_format *fmt, bool large)
{
	struct iopt t = { .large = large };

	memset(model, 0, sizeof(model));
	pages = 0;
	assert_int_equal(iopt_init(&t, fmt, 3), 0);
	for (unsigned i = 0; i < 200000; i++)
		one_step(&t);
	for (uint64_t f = 0; f < TOP; f++)
		compare(&t, f);
	assert_int_equal(iopt_set(&t, 1ul << 27, 1), -ERANGE);
	assert_int_equal(iopt_add_range(&t, (1ul << 27) - 1, 2, 1), -ERANGE);
	assert_int_equal(iopt_get(&t, ~0ul), 0);
	assert_int_equal(t.tables, used);
	iopt_destroy(&t);
	assert_int_equal(used, 0);
}

static void page_tables(void **state)
{
	srand(1);
	run_format(&iopt_vtd, false);
	run_format(&iopt_vtd, true);
	run_format(&iopt_amd, false);
	run_format(&iopt_amd, true);
}

/* What the hardware walks, bit by bit: VT-d 9.8, AMD 2.2.3. */
static void entries(void **state)
{
	struct iopt v = { .large = true }, a = { .large = true };
	uint64_t e;

	pages = 0;
	assert_int_equal(iopt_init(&v, &iopt_vtd, 4) | iopt_init(&a, &iopt_amd, 4), 0);
	iopt_set(&v, 0x12345, IOPT_READ);
	assert_int_equal(*iopt_slot(&v, 0x12345, false), 0x12345001);
	assert_int_equal(v.root[0] & 3, 3);
	iopt_set(&a, 0x12345, IOPT_READ | IOPT_WRITE);
	assert_int_equal(*iopt_slot(&a, 0x12345, false), 0x12345001 | 3ull << 61);
	assert_int_equal(a.root[0] & 0xfff, 0x601);
	assert_int_equal(a.root[0] >> 61, 3);
	assert_int_equal(a.root[1] & 1, 0);
	iopt_add_range(&v, 0x40000, 512, IOPT_READ | IOPT_WRITE);
	assert_null(iopt_slot(&v, 0x40000, false));
	e = *(uint64_t *)pa_to_va(*(uint64_t *)pa_to_va(v.root[0] & ~0xffful) & ~0xffful);
	assert_int_equal(e & 1, 0);
	assert_int_equal(iopt_set(&v, 0x40001, 0), 1);
	assert_int_equal(*iopt_slot(&v, 0x40002, false), 0x40002003);
	assert_int_equal(*iopt_slot(&v, 0x40001, false), 0);
	iopt_destroy(&v);
	iopt_destroy(&a);
	assert_int_equal(used, 0);
}

/* Out of memory at each allocation in turn: nothing is lost, nothing half done is seen. */
static void no_memory(void **state)
{
	for (unsigned n = 1; n < 8; n++) {
		struct iopt t = { .large = true };
		int rc;

		pages = 0;
		fail_in = n;
		rc = iopt_init(&t, &iopt_vtd, 4);
		if (!rc)
			rc = iopt_add_range(&t, 0x3ff00, 0x400, IOPT_WRITE);
		fail_in = 0;
		if (t.root) {
			assert_int_equal(iopt_get(&t, 0x40600), 0);
			iopt_destroy(&t);
		} else {
			assert_int_equal(rc, -ENOMEM);
		}
		assert_int_equal(used, 0);
	}
}

/* A tree of counters. */
static void counters(void **state)
{
	struct iopt t = { 0 };

	pages = 0;
	assert_int_equal(iopt_init(&t, &iopt_counters, 4), 0);
	assert_null(iopt_slot(&t, 77, false));
	*iopt_slot(&t, 77, true) = 5ull << 32;
	*iopt_slot(&t, 78, true) = ~0ull;
	assert_int_equal(*iopt_slot(&t, 77, false), 5ull << 32);
	iopt_destroy(&t);
	assert_int_equal(used, 0);
}

/* --- tables --- */

static uint8_t image[4096];
static unsigned length;

static void begin(unsigned first)
{
	memset(image, 0, sizeof(image));
	memset(&iommu_tables, 0, sizeof(iommu_tables));
	length = first;
}

static void bytes(const void *p, unsigned n) { memcpy(image + length, p, n); length += n; }

#define BYTES(...) bytes((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static const struct acpi_header *table(void)
{
	uint8_t *copy = malloc(length);	/* of exact size: AddressSanitizer sees a read beyond it */

	memcpy(copy, image, length);
	((struct acpi_header *)copy)->length = length;
	return (struct acpi_header *)copy;
}

static void parse(void (*fn)(const struct acpi_header *t))
{
	const struct acpi_header *t = table();

	fn(t);
	free((void *)t);
}

static uint8_t buses(uint16_t seg, uint8_t bus, uint8_t devfn) { return bus == 0 && devfn == 0x10 ? 5 : 0; }

static void dmar(void **state)
{
	begin(48);
	iommu_secondary_bus = buses;
	/* DRHD of one endpoint 00:02.0, one behind bridge 00:02.0 (5:1.3), a bridge, an IO-APIC */
	BYTES(0, 0, 48, 0, 0, 0, 0, 0, 0x00, 0x00, 0xd9, 0xfe, 0, 0, 0, 0,
	      1, 8, 0, 0, 0, 0, 3, 0,  1, 10, 0, 0, 0, 0, 2, 0, 1, 3,  2, 8, 0, 0, 0, 0, 2, 0,  3, 6, 0, 0, 9, 0);
	/* DRHD of all others */
	BYTES(0, 0, 24, 0, 1, 0, 0, 0, 0x00, 0x10, 0xd9, 0xfe, 0, 0, 0, 0,  3, 8, 0, 0, 7, 0xf0, 0x1f, 0);
	/* RMRR 0x7000..0x8fff of 00:1d.0 */
	BYTES(1, 0, 32, 0, 0, 0, 0, 0, 0x00, 0x70, 0, 0, 0, 0, 0, 0, 0xff, 0x8f, 0, 0, 0, 0, 0, 0,  1, 8, 0, 0, 0, 0, 0x1d, 0);
	parse(iommu_parse_dmar);
	assert_int_equal(iommu_tables.vendor, IOMMU_VTD);
	assert_int_equal(iommu_tables.nr_units, 2);
	assert_int_equal(iommu_tables.unit[0].base, 0xfed90000);
	assert_false(iommu_tables.unit[0].all);
	assert_true(iommu_tables.unit[1].all);
	assert_int_equal(iommu_unit_of(0, 0x18), 0);
	assert_int_equal(iommu_unit_of(0, 5 << 8 | 0x0b), 0);
	assert_int_equal(iommu_unit_of(0, 5 << 8 | 0xff), 0);	/* behind the bridge */
	assert_int_equal(iommu_unit_of(0, 0x20), 1);
	assert_int_equal(iommu_unit_of(1, 0x20), -1);
	assert_int_equal(iommu_tables.nr_regions, 1);
	assert_int_equal(iommu_tables.region[0].start, 0x7000);
	assert_int_equal(iommu_tables.region[0].end, 0x9000);
	assert_int_equal(iommu_tables.region[0].first, 0xe8);
	assert_int_equal(iommu_tables.nr_ioapics, 1);
	assert_int_equal(iommu_tables.ioapic[0].id, 7);
	assert_int_equal(iommu_tables.ioapic[0].bdf, 0xf0f8);
}

static void ivrs(void **state)
{
	begin(48);
	/* IVHD: 00:02.0 its own function; all of bus 0, 1:0.0 .. 1:1f.7, 2:1.0 as 2:0.0, an IO-APIC */
	BYTES(0x10, 0, 24 + 4 + 8 + 8 + 8, 0, 0x10, 0, 0x40, 0, 0x00, 0x00, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	      2, 0x08, 0, 0,  3, 0, 1, 0, 4, 0xff, 1, 0,  66, 0x08, 2, 0, 0, 0, 2, 0,  72, 0, 0, 0, 3, 0xa0, 0, 1);
	/* The same unit again, in the newer form. */
	BYTES(0x11, 0, 44, 0, 0x10, 0, 0x40, 0, 0x00, 0x00, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  1, 0, 0, 0);
	/* IVMD: unity for 1:2.0 */
	BYTES(0x21, 1, 32, 0, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0);
	parse(iommu_parse_ivrs);
	assert_int_equal(iommu_tables.vendor, IOMMU_AMD);
	assert_int_equal(iommu_tables.nr_units, 1);
	assert_int_equal(iommu_tables.unit[0].bdf, 0x10);
	assert_int_equal(iommu_tables.unit[0].cap, 0x40);
	assert_int_equal(iommu_unit_of(0, 0x08), 0);
	assert_int_equal(iommu_unit_of(0, 0x09), -1);
	assert_int_equal(iommu_unit_of(0, 0x1ff), 0);
	assert_int_equal(iommu_unit_of(0, 0x208), 0);
	assert_int_equal(iommu_tables.nr_aliases, 1);
	assert_int_equal(iommu_tables.alias[0].from, 0x208);
	assert_int_equal(iommu_tables.alias[0].as, 0x200);
	assert_int_equal(iommu_tables.ioapic[0].bdf, 0xa0);
	assert_int_equal(iommu_tables.nr_regions, 1);
	assert_int_equal(iommu_tables.region[0].start, 0x100000);
	assert_int_equal(iommu_tables.region[0].end, 0x102000);
	assert_int_equal(iommu_tables.region[0].first, 0x110);
}

/* Good tables with bytes changed and ends cut off: nothing is read outside, nothing overflows. */
static void nonsense(void **state)
{
	static void (*const fn[])(const struct acpi_header *) = { iommu_parse_dmar, iommu_parse_ivrs };
	void (*const make[])(void **) = { dmar, ivrs };

	srand(2);
	iommu_secondary_bus = buses;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = i & 1, n = rand() % 6;

		if (i < 2 || rand() % 20 == 0)
			make[k](NULL);
		else
			begin(48);
		while (length < 48 || (length < 200 && rand() % 40))
			image[length++] = rand() % 3 ? rand() % 80 : rand();
		for (unsigned j = 0; j < n; j++)
			image[48 + rand() % (length - 47)] = rand();
		length -= rand() % (length - 47);
		memset(&iommu_tables, 0, sizeof(iommu_tables));
		parse(fn[k]);
		assert_true(iommu_tables.nr_units <= IOMMU_MAX_UNITS && iommu_tables.nr_regions <= IOMMU_MAX_REGIONS);
		iommu_unit_of(0, (uint16_t)rand());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_tables), cmocka_unit_test(entries), cmocka_unit_test(no_memory),
		cmocka_unit_test(counters), cmocka_unit_test(dmar), cmocka_unit_test(ivrs), cmocka_unit_test(nonsense),
	};

	host_ram = mmap(NULL, HOST_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
