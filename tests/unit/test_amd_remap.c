// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_mem.h host_irq.h x86/iommu/amd_remap.c x86/iommu/remap.c x86/iommu/tables.c
/*
 * Story: lines of devices and of an IO-APIC are set up, move and go, behind a unit that remembers each entry until it is told to
 * forget it. What would be wrong: a message that reaches another CPU or vector than its line has; a device that reaches one that is
 * not its own; an entry that works after its line is gone, or is lost with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "x86/iommu/amd.h"
#include "x86/iommu/devices.h"
#include "x86/iommu/remap.h"
#include "x86/acpi.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define GSIS 24u
#define LINES 900u
#define NAMES 256u
#define DATA 2048u		/* what a message's data can name */
#define UNIT 0x02u
#define IOAPIC 0xa0u
#define LEGACY 0x30u		/* two devices arrive with this name */
#define BLOCKED -1
#define UNCHANGED -2

unsigned char *host_ram;
struct frame *host_frames;
struct acpi_info acpi;
struct iommu_unit iommu_unit[IOMMU_MAX_UNITS];
unsigned iommu_nr_units = 1, nr_gsis = GSIS, nr_irqs = LINES;
const struct irq_chip ioapic_chip, msi_chip;
static const struct irq_remapper *remapper;
static struct irq_desc lines[LINES];
static struct irq_message message[LINES];
static struct { bool known, entry_known[DATA]; uint64_t word; uint32_t entry[DATA]; } cache[NAMES];
static unsigned pages;

unsigned host_cpu_nr;
char *host_percpu[1];
void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...) { (void)fmt; abort(); }
static void *alloc(unsigned order)
{
	assert_int_equal(order, 0);
	memset(host_ram + ++pages * PAGE_SIZE, 0, PAGE_SIZE);
	return host_ram + pages * PAGE_SIZE;
}
static void release(void *va, unsigned order) { memset(va, 0xff, PAGE_SIZE); }
void *(*x86_alloc_pages)(unsigned order) = alloc;
void (*x86_free_pages)(void *va, unsigned order) = release;
struct irq_desc *irq_desc(unsigned irq) { return irq < LINES ? &lines[irq] : NULL; }
uint32_t irq_destination(unsigned cpu) { return cpu; }
unsigned iommu_device_names(uint16_t seg, uint16_t bdf, uint16_t names[IOMMU_MAX_NAMES])
{
	names[0] = bdf;
	names[1] = LEGACY;
	return bdf == 0x18 || bdf == 0x20 ? 2 : 1;
}

void amd_request(struct iommu_unit *u, uint64_t low, uint64_t high)
{
	uint16_t bdf = (uint16_t)low;

	if (low == CMD_DEVICE(bdf))
		cache[bdf].known = false;
	else if (low == CMD_INTERRUPTS(bdf))
		memset(cache[bdf].entry_known, 0, sizeof(cache[bdf].entry_known));
	else
		fail();
}

static void aim(struct irq_desc *d)
{
	bool msi = d->chip == &msi_chip;

	message[d->irq] = (struct irq_message){ msi ? 0xfee00000u | (uint32_t)d->cpu << 12 : (uint32_t)d->cpu << 24, d->vector };
	if (remapper)
		remapper->remap(d, &message[d->irq]);
}

void irq_set_remapper(const struct irq_remapper *r)
{
	remapper = r;
	for (unsigned i = 0; i < LINES; i++)
		if (lines[i].chip && lines[i].vector)
			aim(&lines[i]);
}

/* What the unit makes of a message: CPU << 8 | vector. It looks into memory once only. */
static int deliver(uint16_t bdf, unsigned data)
{
	uint32_t *table;

	if (!cache[bdf].known) {
		cache[bdf].word = iommu_unit[0].table[DTE_WORDS * bdf + 2];
		cache[bdf].known = true;
	}
	if (!(cache[bdf].word & 1))
		return UNCHANGED;
	if (cache[bdf].word >> 60 != 2 || data >> (cache[bdf].word >> 1 & 15))
		return BLOCKED;
	table = (uint32_t *)(host_ram + (cache[bdf].word & 0xfffffffffffc0ull));
	if (!cache[bdf].entry_known[data]) {
		cache[bdf].entry[data] = table[data];
		cache[bdf].entry_known[data] = true;
	}
	if (!(cache[bdf].entry[data] & 1))
		return BLOCKED;
	assert_int_equal(cache[bdf].entry[data] & 0xff0000fe, 0);
	return (int)(cache[bdf].entry[data] >> 8);
}

static uint16_t name_of(const struct irq_desc *d)
{
	uint16_t own = d->chip == &msi_chip ? d->msi.devfn : IOAPIC;

	return own == 0x18 || own == 0x20 ? LEGACY : own;
}

static int wanted(const struct irq_desc *d) { return (int)(d->vector << 8 | d->cpu); }

/* Every line's message arrives where it should, and nothing else arrives. */
static void check_all(void)
{
	static bool used[NAMES][DATA];

	memset(used, 0, sizeof(used));
	for (unsigned i = 0; i < LINES; i++) {
		const struct irq_desc *d = &lines[i];
		unsigned data = message[i].data;

		if (!d->chip || !d->vector)
			continue;
		/* In a block the device puts the message's number into the low bits of the first one's data. */
		if (d->chip == &msi_chip && !d->msi.msix)
			data = (message[i - d->msi.entry].data & ~(d->msi.block - 1u)) | d->msi.entry;
		assert_int_equal(deliver(name_of(d), data), wanted(d));
		assert_false(used[name_of(d)][data]);
		used[name_of(d)][data] = true;
	}
	for (unsigned n = 0; n < NAMES; n++)
		for (unsigned i = 0; i < DATA; i += n == 0x18 || n == 0x20 ? DATA : 1)
			if (!used[n][i] && n != 0x18 && n != 0x20)
				assert_int_equal(deliver(n, i), n == UNIT ? UNCHANGED : BLOCKED);
}

static void set_up(unsigned irq, const struct irq_chip *chip, uint8_t devfn, bool msix, unsigned entry, unsigned block)
{
	lines[irq] = (struct irq_desc){ .irq = irq, .chip = chip, .cpu = rand() % 200, .vector = 0x30 + rand() % 0x80 };
	lines[irq].msi = (struct msi_place){ .devfn = devfn, .msix = msix, .entry = entry, .block = block };
	aim(&lines[irq]);
}

static void drop(unsigned irq)
{
	remapper->drop(&lines[irq]);
	lines[irq].chip = NULL;
}

static int setup(void **state)
{
	static const uint8_t devices[] = { 0x10, 0x18, 0x20, 0x28 };
	static struct iommu_unit_info info = { .bdf = UNIT, .nr_scopes = 1, .scope = { { 0, NAMES - 1 } } };

	host_ram = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	iommu_tables.nr_units = iommu_tables.nr_ioapics = acpi.nr_ioapics = 1;
	iommu_tables.unit[0] = info;
	iommu_tables.ioapic[0].bdf = IOAPIC;
	iommu_unit[0] = (struct iommu_unit){ .info = &iommu_tables.unit[0], .nr_devices = NAMES };
	iommu_unit[0].table = calloc(NAMES, DTE_WORDS * 8);
	amd_remap_init(true);
	/* A line that was there before the unit is on. */
	set_up(4, &ioapic_chip, 0, false, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(amd_remap_device(0, devices[i]), 0);
	amd_remap_prepare(&iommu_unit[0]);
	assert_int_equal(deliver(IOAPIC, 0x50), UNCHANGED);
	assert_int_equal(deliver(0x11, 0x50), BLOCKED);
	amd_remap_start();
	check_all();
	return 0;
}

static void lives(void **state)
{
	/* An IO-APIC's pins, a block of 8 messages, MSI-X entries with big numbers, two devices that share a name. */
	for (unsigned i = 5; i < GSIS; i++)
		set_up(i, &ioapic_chip, 0, false, 0, 0);
	for (unsigned i = 0; i < 8; i++)
		set_up(40 + i, &msi_chip, 0x10, false, i, 8);
	for (unsigned i = 0; i < 100; i++)
		set_up(100 + i, &msi_chip, 0x28, true, 450 + i, 1);
	for (unsigned i = 0; i < 4; i++)
		set_up(50 + i, &msi_chip, 0x18, false, i, 4);
	for (unsigned i = 0; i < 4; i++)
		set_up(54 + i, &msi_chip, 0x20, false, i, 4);
	check_all();
	for (unsigned round = 0; round < 20000; round++) {
		struct irq_desc *d = &lines[rand() % LINES];

		if (d->chip && rand() % 2) {
			d->cpu = rand() % 200;
			d->vector = 0x30 + rand() % 0x80;
			aim(d);
		} else if (d->chip == &msi_chip && d->msi.msix) {
			unsigned entry = d->msi.entry, other = 100 + rand() % (LINES - 100);

			drop(d->irq);
			assert_int_equal(deliver(0x28, message[d - lines].data), BLOCKED);
			while (lines[other].chip)
				other = other + 1 < LINES ? other + 1 : 100;
			set_up(other, &msi_chip, 0x28, true, entry, 1);
		}
		if (round % 500 == 0)
			check_all();
	}
	for (unsigned i = 40; i < LINES; i++)
		if (lines[i].chip)
			drop(i);
	check_all();
}

/* Two devices of one name whose entries' numbers are the same, too. */
static void many(void **state)
{
	unsigned nr = 0;

	for (unsigned i = 40; i < 440; i++)
		set_up(i, &msi_chip, i % 2 ? 0x18 : 0x20, true, i / 2, 1);
	check_all();
	for (unsigned i = 0; i < DATA; i++)
		nr += deliver(LEGACY, i) >= 0;
	assert_int_equal(nr, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lives), cmocka_unit_test(many) };

	return cmocka_run_group_tests(tests, setup, NULL);
}
