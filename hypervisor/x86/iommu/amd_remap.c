// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AMD's interrupt remapping (AMD IOMMU specification, 2.2.5): a table for each device, named by its entry in the device table; the
 * message's data is the index in it. Who has no table raises no interrupts. NMI, INIT and ExtINT do not pass; SMIs do, which units
 * block only by a filter that not all have.
 *
 * A unit's own messages (its events) are not remapped.
 */
#include "x86/iommu/amd.h"
#include "x86/iommu/devices.h"
#include "x86/iommu/remap.h"
#include "x86/hooks.h"
#include "x86/layout.h"
#include "lib/errno.h"
#include "lib/panic.h"

/* The index's upper bits are the message's mode: above 512 it would be neither fixed nor arbitrated. */
#define SLOTS_ORDER	9u
#define SLOTS		(1u << SLOTS_ORDER)
#define IRTE_ON		1u
#define IRTE_VECTOR(v)	((uint32_t)(v) << 16)
#define IRTE_CPU(id)	((uint32_t)(id) << 8)
#define ADDRESS		0xfee00000u

/* A page; the unit reads the first half. */
struct remap_table {
	uint32_t entry[SLOTS];
	uint16_t line[SLOTS];		/* irq + 1; 0: free */
};
static DEFINE_SPINLOCK(tables_lock);	/* all of them; after a line's lock, before a unit's queue */
static bool possible;

static struct remap_table *table_of(const struct iommu_unit *u, uint16_t bdf)
{
	uint64_t pa = u->table[DTE_WORDS * bdf + 2] & DTE_INT_TABLE;

	return pa ? pa_to_va(pa) : NULL;
}

static bool is_unit(uint16_t seg, uint16_t bdf)
{
	for (unsigned i = 0; i < iommu_nr_units; i++)
		if (iommu_unit[i].info->seg == seg && iommu_unit[i].info->bdf == bdf)
			return true;
	return false;
}

/* The unit, and by which names it knows the device; their number, 0: none that is remapped. */
static unsigned names_of(uint16_t seg, uint16_t bdf, struct iommu_unit **u, uint16_t names[IOMMU_MAX_NAMES])
{
	unsigned n, known = 0;
	int unit = iommu_unit_of(seg, bdf);

	if (unit < 0)
		return 0;
	*u = &iommu_unit[unit];
	n = iommu_device_names(seg, bdf, names);
	for (unsigned i = 0; i < n; i++)
		if (names[i] < (*u)->nr_devices)
			names[known++] = names[i];
	return known;
}

static unsigned names_of_line(const struct irq_desc *d, struct iommu_unit **u, uint16_t names[IOMMU_MAX_NAMES])
{
	uint16_t seg, bdf;

	if (!remap_device_of(d, &seg, &bdf) || (d->chip == &msi_chip && is_unit(seg, bdf)))
		return 0;
	return names_of(seg, bdf, u, names);
}

/* The table that all names have from now on: one of theirs, or 'spare'. Lock held. NULL: none */
static struct remap_table *share_table(struct iommu_unit *u, const uint16_t *names, unsigned n, struct remap_table *spare)
{
	struct remap_table *t = NULL;
	uint64_t word;

	for (unsigned i = 0; i < n && !t; i++)
		t = table_of(u, names[i]);
	t = t ?: spare;
	if (!t)
		return NULL;
	word = va_to_pa(t) | DTE_INT_REMAP | DTE_INT_LENGTH(SLOTS_ORDER) | DTE_INT_VALID;
	for (unsigned i = 0; i < n; i++) {
		if (u->table[DTE_WORDS * names[i] + 2] == word)
			continue;
		WRITE_ONCE(u->table[DTE_WORDS * names[i] + 2], word);
		amd_request(u, CMD_DEVICE(names[i]), 0);
	}
	return t;
}

/* Its table is made when it is found: lines are set up with interrupts off, where no memory can be had. */
int amd_remap_device(uint16_t seg, uint16_t bdf)
{
	uint16_t names[IOMMU_MAX_NAMES];
	struct iommu_unit *u;
	unsigned n = possible && !is_unit(seg, bdf) ? names_of(seg, bdf, &u, names) : 0;
	struct remap_table *spare;
	unsigned long flags;
	bool used;

	BUILD_ASSERT(sizeof(*spare) <= PAGE_SIZE);
	if (!n)
		return 0;
	spare = x86_alloc_pages(0);
	if (!spare)
		return -ENOMEM;
	flags = spin_lock_irqsave(&tables_lock);
	used = share_table(u, names, n, spare) == spare;
	spin_unlock_irqrestore(&tables_lock, flags);
	if (!used)
		x86_free_pages(spare, 0);
	return 0;
}

/* The line's slot; a block's lines have theirs in a row. Lock held. -1: none is free */
static int take_slot(struct remap_table *t, const struct irq_desc *d)
{
	bool msi = d->chip == &msi_chip;
	unsigned n = msi && !d->msi.msix ? d->msi.block : 1, start = msi ? d->msi.entry / n * n % SLOTS : 0, k;

	for (unsigned i = 0; i < SLOTS; i++)
		if (t->line[i] == d->irq + 1)
			return (int)i;
	for (unsigned i = 0; i < SLOTS; i += n) {
		unsigned first = (start + i) % SLOTS;

		for (k = 0; k < n && !t->line[first + k]; k++)
			;
		if (k < n)
			continue;
		for (k = 0; k < n; k++)
			t->line[first + k] = (uint16_t)(d->irq - (msi && !d->msi.msix ? d->msi.entry : 0) + k + 1);
		return (int)(first + (msi && !d->msi.msix ? d->msi.entry : 0));
	}
	return -1;
}

static void set_entry(struct iommu_unit *u, const uint16_t *names, unsigned n, volatile uint32_t *e, uint32_t value)
{
	*e = value;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < n; i++)
		amd_request(u, CMD_INTERRUPTS(names[i]), 0);
}

static void remap(const struct irq_desc *d, struct irq_message *m)
{
	uint16_t names[IOMMU_MAX_NAMES];
	struct iommu_unit *u;
	unsigned n = names_of_line(d, &u, names);
	struct remap_table *t;
	unsigned long flags;
	int slot;

	if (!n)
		return;
	flags = spin_lock_irqsave(&tables_lock);
	t = share_table(u, names, n, NULL);
	slot = t ? take_slot(t, d) : -1;
	if (slot >= 0)
		set_entry(u, names, n, &t->entry[slot], IRTE_VECTOR(d->vector) | IRTE_CPU(irq_destination(d->cpu)) | IRTE_ON);
	spin_unlock_irqrestore(&tables_lock, flags);
	if (slot < 0) {
		printk(LOG_ERR "IOMMU: IRQ %u of device %04x cannot be raised: %s\n", d->irq, names[0],
		       t ? "it has too many" : "it was never found");
		return;
	}
	m->address = d->chip == &msi_chip ? ADDRESS : 0;
	m->data = (uint32_t)slot;
}

static void drop(const struct irq_desc *d)
{
	uint16_t names[IOMMU_MAX_NAMES];
	struct iommu_unit *u;
	unsigned n = names_of_line(d, &u, names);
	struct remap_table *t;
	unsigned long flags;

	if (!n)
		return;
	flags = spin_lock_irqsave(&tables_lock);
	t = table_of(u, names[0]);
	for (unsigned i = 0; t && i < SLOTS; i++)
		if (t->line[i] == d->irq + 1) {
			set_entry(u, names, n, &t->entry[i], 0);
			t->line[i] = 0;
		}
	spin_unlock_irqrestore(&tables_lock, flags);
}

void amd_remap_init(bool wanted)
{
	possible = remap_possible(wanted, true);
	for (unsigned i = 0; i < iommu_tables.nr_ioapics; i++)
		if (amd_remap_device(iommu_tables.ioapic[i].seg, iommu_tables.ioapic[i].bdf))
			panic("IOMMU: no memory for the interrupts of the IO-APICs");
}

/* Nobody raises interrupts but the units, and until amd_remap_start the lines that are there, as they are. */
void amd_remap_prepare(struct iommu_unit *u)
{
	uint16_t names[IOMMU_MAX_NAMES];

	if (!possible)
		return;
	for (unsigned i = 0; i < u->nr_devices; i++)
		u->table[DTE_WORDS * i + 2] |= is_unit(u->info->seg, (uint16_t)i) ? 0 : DTE_INT_VALID;
	for (unsigned irq = 0; irq < nr_irqs; irq++) {
		const struct irq_desc *d = irq_desc(irq);
		struct iommu_unit *of = NULL;
		unsigned n = d->chip && d->vector ? names_of_line(d, &of, names) : 0;

		for (unsigned i = 0; i < n && of == u; i++)
			u->table[DTE_WORDS * names[i] + 2] &= ~DTE_INT_VALID;
	}
}

void amd_remap_start(void)
{
	static const struct irq_remapper remapper = { remap, drop };

	if (!possible)
		return;
	irq_set_remapper(&remapper);
	printk(LOG_INFO "IOMMU: interrupts are remapped, a table of %u for each device\n", SLOTS);
}
