// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VT-d's interrupt remapping: one table for all units (VT-d specification, 5.1, 9.10). Each entry is for one source, which is
 * verified. Messages in the old format are blocked by the hardware from then on.
 */
#include "x86/iommu/vtd_remap.h"
#include "x86/iommu/devices.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/hooks.h"
#include "x86/layout.h"
#include "lib/panic.h"

#define IRTE_PRESENT	1ull
#define IRTE_LEVEL	(1ull << 4)
#define IRTE_VECTOR(v)	((uint64_t)(v) << 16)
#define IRTE_XAPIC(id)	((uint64_t)(id) << 40)
#define IRTE_X2APIC(id)	((uint64_t)(id) << 32)
#define IRTE_VERIFY_ALL	(1ull << 18)	/* all 16 bits of the source's name */
#define IRTE_VERIFY_BUS	(2ull << 18)
#define IRTA_X2APIC	(1ull << 11)
#define ADDRESS		0xfee00000u
#define ADDRESS_FORMAT	(1u << 4)
#define ADDRESS_SHV	(1u << 3)	/* the data's low bits are added to the index */
#define RTE_FORMAT	(1u << 16)	/* in the upper half */

static uint64_t *table;
static unsigned entries;

/* Whose message it may be: the entry's upper half. 0: anybody's */
static uint64_t source_of(const struct irq_desc *d)
{
	uint16_t seg, bdf, name;
	bool bus;

	if (!remap_device_of(d, &seg, &bdf))
		return 0;
	if (d->chip != &msi_chip || !iommu_device_bridge(seg, bdf, &name, &bus))
		return IRTE_VERIFY_ALL | bdf;
	/* First and last bus, or the bridge. */
	return bus ? IRTE_VERIFY_BUS | (name & 0xff00) | bdf >> 8 : IRTE_VERIFY_ALL | name;
}

static void forget_entry(void)
{
	for (unsigned i = 0; i < iommu_nr_units; i++)
		vtd_request(&iommu_unit[i], QI_IEC_ALL, 0);
}

static void set_entry(const struct irq_desc *d)
{
	uint64_t *e = &table[2 * d->irq], low = IRTE_PRESENT | IRTE_VECTOR(d->vector), high = source_of(d);
	uint32_t id = irq_destination(d->cpu);

	low |= d->level ? IRTE_LEVEL : 0;
	low |= x2apic_on ? IRTE_X2APIC(id) : IRTE_XAPIC(id);
	/* Who it is for changes only while it is not present; where it goes, in one store. */
	if (e[1] != high) {
		WRITE_ONCE(e[0], 0);
		WRITE_ONCE(e[1], high);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	WRITE_ONCE(e[0], low);
	iommu_write_back(e, 16);
	forget_entry();
}

static void remap(const struct irq_desc *d, struct irq_message *m)
{
	unsigned index = d->irq;

	if (index >= entries)
		return;
	set_entry(d);
	if (d->chip == &msi_chip) {
		/* A block of messages counts by the low bits of the data. */
		index -= d->msi.msix ? 0 : d->msi.entry;
		m->address = ADDRESS | (index & 0x7fff) << 5 | ADDRESS_FORMAT | ADDRESS_SHV | (index >> 15 & 1) << 2;
		m->data = 0;
	} else {
		/* The upper half of an IO-APIC's entry; the lower keeps the vector, by which the IO-APIC knows the EOI. */
		m->address = (index & 0x7fff) << 17 | RTE_FORMAT;
	}
}

static void drop(const struct irq_desc *d)
{
	if (d->irq >= entries)
		return;
	WRITE_ONCE(table[2 * d->irq], 0);
	iommu_write_back(&table[2 * d->irq], 16);
	forget_entry();
}

static bool all_can(void)
{
	for (unsigned i = 0; i < iommu_nr_units; i++)
		if (!ECAP_IR(iommu_unit[i].ecap) || (x2apic_on && !ECAP_EIM(iommu_unit[i].ecap)))
			return false;
	return true;
}

void vtd_remap_init(bool wanted)
{
	static const struct irq_remapper remapper = { remap, drop };
	unsigned size = 0, order = 0;

	if (!remap_possible(wanted, all_can()))
		return;
	while ((2u << size) < nr_irqs && size < 15)
		size++;
	entries = 2u << size;
	while ((PAGE_SIZE << order) < entries * 16ul)
		order++;
	table = x86_alloc_pages(order);
	if (!table)
		panic("IOMMU: no memory for %u interrupts", entries);
	iommu_write_back(table, entries * 16ul);
	for (unsigned i = 0; i < iommu_nr_units; i++)
		vtd_remap_enable(&iommu_unit[i], va_to_pa(table) | size | (x2apic_on ? IRTA_X2APIC : 0));
	irq_set_remapper(&remapper);
	printk(LOG_INFO "IOMMU: interrupts are remapped, %u entries\n", entries);
}
