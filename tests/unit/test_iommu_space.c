// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_mem.h x86/iommu/iommu.c x86/iommu/iopt.c x86/iommu/tables.c lib/string.c lib/bitmap.c boot/cmdline.c
// sources: release/lock_check.c
/*
 * Story: a domain's frames become writable and stop being so, others' frames are granted and taken back, devices come and go, in
 * any order. What would be wrong: a device that still knows a frame by its IOTLB after it was taken away, a frame that is out of
 * reach while a grant of it is left, a writable path where only a readable one is. The model has an IOTLB that remembers all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "x86/iommu/devices.h"
#include "x86/iommu/unit.h"
#include "boot/boot.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define FRAMES 700u		/* of the model: the first half are the owner's, the others' may be granted */
#define UNITS 2u

unsigned char *host_ram;
struct frame *host_frames;
struct boot_info boot_info;
const bool anel_debug = true;
static unsigned pages, fail_in;	/* fail_in: that many allocations succeed yet; 0: all */
static int used;
static uint8_t iotlb[UNITS][FRAMES];	/* what each unit remembers of the space */
static struct iommu_space *space;

void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...) { (void)fmt; abort(); }
uint8_t iommu_read_secondary_bus(uint16_t seg, uint8_t bus, uint8_t devfn) { return 0; }
uint8_t (*iommu_secondary_bus)(uint16_t seg, uint8_t bus, uint8_t devfn);
void iommu_parse_dmar(const struct acpi_header *t) { }
void iommu_parse_ivrs(const struct acpi_header *t) { }
static void *alloc(unsigned order)
{
	if (fail_in && !--fail_in)
		return NULL;
	used++;
	memset(host_ram + ++pages * PAGE_SIZE, 0, PAGE_SIZE);
	return host_ram + pages * PAGE_SIZE;
}
static void release(void *va, unsigned order) { memset(va, 0xee, PAGE_SIZE); used--; }
static void *map_device(paddr_t pa, size_t size) { return host_ram; }
void *(*x86_alloc_pages)(unsigned order) = alloc;
void (*x86_free_pages)(void *va, unsigned order) = release;
void *(*x86_map_device)(paddr_t pa, size_t size) = map_device;
const struct boot_param __boot_params_start[1], __boot_params_end[1];

static int fake_init(struct iommu_unit *u) { return 0; }
static void fake_enable(struct iommu_unit *u) { }
static int fake_set(struct iommu_unit *u, uint16_t bdf, const struct iommu_space *s)
{
	if (!s)
		memset(iotlb[u->nr], 0, FRAMES);
	return 0;
}
static void fake_flush(struct iommu_unit *u, uint16_t id)
{
	assert_int_equal(id, space->id);
	memset(iotlb[u->nr], 0, FRAMES);
}
static void fake_flush_frame(struct iommu_unit *u, uint16_t id, uint64_t frame)
{
	assert_int_equal(id, space->id);
	iotlb[u->nr][frame] = 0;
}
static void fake_remap(bool wanted) { assert_true(wanted); }
const struct iommu_ops iommu_vtd_ops = {
	.name = "VT-d", .format = &iopt_vtd, .regs_size = PAGE_SIZE, .init = fake_init, .remap_init = fake_remap,
	.enable = fake_enable,
	.set_device = fake_set, .flush_space = fake_flush, .flush_frame = fake_flush_frame,
};
const struct iommu_ops iommu_amd_ops;

static bool own[FRAMES];
static unsigned readers[FRAMES], writers[FRAMES];

static unsigned wanted(unsigned n)
{
	if (n < FRAMES / 2)
		return own[n] ? IOPT_READ | IOPT_WRITE : 0;
	return writers[n] ? IOPT_READ | IOPT_WRITE : readers[n] ? IOPT_READ : 0;
}

/* The devices touch everything that they may, on the units that they are behind. */
static void devices_work(void)
{
	for (unsigned u = 0; u < UNITS; u++)
		for (unsigned n = 0; n < FRAMES && (space->units & 1u << u); n++)
			iotlb[u][n] |= iopt_get(&space->pt, n);
}

static void check(void)
{
	for (unsigned n = 0; n < FRAMES; n++) {
		assert_int_equal(iopt_get(&space->pt, n), wanted(n));
		for (unsigned u = 0; u < UNITS; u++)
			assert_int_equal(iotlb[u][n] & ~wanted(n), 0);
	}
}

static void take_grant(unsigned n, bool write)
{
	unsigned *count = write ? &writers[n] : &readers[n];

	if (!*count)
		return;
	--*count;
	if (iommu_foreign_del(space, MFN(n), write))
		iommu_flush(space);
}

static void any_order(void **state)
{
	srand(3);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = rand() % FRAMES;
		bool write = rand() % 2;

		if (n < FRAMES / 2) {
			own[n] = write;
			write ? iommu_frame_writable(space, MFN(n)) : iommu_frame_gone(space, MFN(n));
		} else if (rand() % 2) {
			write ? writers[n]++ : readers[n]++;
			assert_int_equal(iommu_foreign_add(space, MFN(n), write), 0);
		} else {
			take_grant(n, write);
		}
		if (rand() % 300 == 0)
			assert_int_equal(iommu_set_device(rand() % UNITS, 8, space), 0);
		if (i % 16 == 0) {
			check();
			devices_work();
		}
	}
	for (unsigned n = FRAMES / 2; n < FRAMES; n++)
		while (readers[n] + writers[n])
			take_grant(n, writers[n]);
	check();
	/* What was never counted is not taken. */
	assert_false(iommu_foreign_del(space, MFN(FRAMES - 1), true));
	assert_false(iommu_foreign_del(space, MFN(FRAMES - 1), false));
	check();
}

/* Without memory a grant is refused, and nothing is counted or reached. */
static void no_memory(void **state)
{
	for (unsigned n = 1; n < 4; n++) {
		uint64_t far = 5ull << 18 | (uint64_t)n << 9;

		fail_in = n;
		if (iommu_foreign_add(space, MFN(far), true)) {
			fail_in = 0;
			assert_int_equal(iopt_get(&space->pt, far), 0);
			assert_false(iommu_foreign_del(space, MFN(far), true));
		} else {
			fail_in = 0;
			assert_true(iommu_foreign_del(space, MFN(far), true));
		}
		assert_int_equal(iopt_get(&space->pt, far), 0);
	}
}

static int setup(void **state)
{
	host_ram = mmap(NULL, HOST_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	iommu_tables.vendor = IOMMU_VTD;
	iommu_tables.nr_units = UNITS;
	iommu_init();
	assert_true(iommu_active);
	used = 0;
	space = iommu_space_new(1, false);
	assert_non_null(space);
	return 0;
}

static int teardown(void **state)
{
	iommu_space_free(space);
	assert_int_equal(used, 0);
	space = iommu_space_new(1, false);	/* its number is free again */
	assert_int_equal(space->id, 1);
	iommu_space_free(space);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(any_order), cmocka_unit_test(no_memory) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
