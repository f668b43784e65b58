/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI and MSI-X. The hypervisor alone writes messages and mask bits; dom0's drivers only say which entry they want. The MSI-X
 * table's place is read from the device, not taken from dom0. Source: PCI 3.0, 6.8; Intel SDM vol. 3, 11.11.
 */
#include "x86/irq_desc.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/mmio_ro.h"
#include "x86/msi_regs.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define PCI_COMMAND	0x04
#define COMMAND_MEMORY	0x0002u
#define PCI_STATUS	0x06
#define STATUS_CAPS	0x0010u
#define PCI_HEADER	0x0e
#define PCI_BAR0	0x10
#define PCI_CAP_PTR	0x34
#define ENTRY_ADDRESS	0
#define ENTRY_UPPER	4
#define ENTRY_DATA	8
#define ENTRY_CONTROL	12
#define MESSAGE_BASE	0xfee00000u
#define MAX_TABLES	512u

/* Mapped pages of MSI-X tables; they stay. */
static struct { paddr_t page; volatile char *va; } tables[MAX_TABLES];
static DEFINE_SPINLOCK(tables_lock);

/*
 * One function's lines are looked for among all that are MSIs: none may be half made meanwhile. Drivers that start side by side
 * map and unmap at the same time. Interrupts on; no handler takes it.
 */
static DEFINE_SPINLOCK(setup_lock);

static uint32_t cfg_read(const struct msi_place *m, uint16_t reg, unsigned size)
{
	return pci_read(m->seg, m->bus, m->devfn, reg, size);
}

static void cfg_write(const struct msi_place *m, uint16_t reg, unsigned size, uint32_t v)
{
	pci_write(m->seg, m->bus, m->devfn, reg, size, v);
}

/* Offset of a capability; 0: none. The list may be a loop: 48 entries fit. */
static uint8_t find_cap(const struct msi_place *m, uint8_t id)
{
	uint8_t pos;

	if (cfg_read(m, 0, 2) == 0xffff || !(cfg_read(m, PCI_STATUS, 2) & STATUS_CAPS))
		return 0;
	pos = cfg_read(m, PCI_CAP_PTR, 1) & 0xfc;
	for (unsigned i = 0; i < 48 && pos >= 0x40; i++) {
		if (cfg_read(m, pos, 1) == id)
			return pos;
		pos = cfg_read(m, pos + 1, 1) & 0xfc;
	}
	return 0;
}

paddr_t msi_read_bar(const struct msi_place *m, unsigned bar)
{
	uint32_t low = bar < 6 ? cfg_read(m, PCI_BAR0 + 4 * bar, 4) : 1;
	paddr_t pa = low & ~0xfu;

	if (low & 1)
		return 0;
	if ((low >> 1 & 3) == 2 && bar < 5)
		pa |= (paddr_t)cfg_read(m, PCI_BAR0 + 4 * bar + 4, 4) << 32;
	return pa;
}

static volatile char *map_table_page(paddr_t page)
{
	volatile char *va = NULL;
	unsigned i;

	spin_lock(&tables_lock);
	for (i = 0; i < MAX_TABLES && tables[i].va && tables[i].page != page; i++)
		;
	if (i < MAX_TABLES) {
		if (!tables[i].va) {
			tables[i].va = x86_map_device(page, PAGE_SIZE);
			tables[i].page = page;
		}
		va = tables[i].va;
	}
	spin_unlock(&tables_lock);
	return va;
}

/* Where the mask bits of an MSI capability are; 0: it has none. */
static unsigned msi_mask_reg(const struct msi_place *m)
{
	uint16_t control = cfg_read(m, m->cap + MSI_CONTROL, 2);

	if (!(control & MSI_MASKABLE))
		return 0;
	return m->cap + (control & MSI_64BIT ? 0x10 : 0x0c);
}

static void set_masked(struct irq_desc *d, bool masked)
{
	struct msi_place *m = &d->msi;
	unsigned reg;

	d->masked = masked;
	if (m->msix) {
		uint32_t v = mmio_read32(m->table + ENTRY_CONTROL);

		mmio_write32(m->table + ENTRY_CONTROL, masked ? v | 1 : v & ~1u);
		mmio_read32(m->table + ENTRY_CONTROL);
		return;
	}
	reg = msi_mask_reg(m);
	if (reg) {
		uint32_t v = cfg_read(m, reg, 4), bit = 1u << m->entry;

		cfg_write(m, reg, 4, masked ? v | bit : v & ~bit);
	}
}

bool msi_can_move(const struct irq_desc *d)
{
	return d->msi.msix || (d->msi.block == 1 && msi_mask_reg(&d->msi));
}

static void msi_mask(struct irq_desc *d) { set_masked(d, true); }
static void msi_unmask(struct irq_desc *d) { set_masked(d, false); }

/* Physical destination, fixed delivery, edge. */
static void msi_aim(struct irq_desc *d)
{
	struct irq_message msg = { MESSAGE_BASE | irq_destination(d->cpu) << 12, d->vector };
	struct msi_place *m = &d->msi;
	bool was_masked = d->masked;

	if (irq_remapper)
		irq_remapper->remap(d, &msg);
	if (m->msix) {
		/* An entry may change only while it is masked (PCI 6.8.3.2). */
		set_masked(d, true);
		mmio_write32(m->table + ENTRY_ADDRESS, msg.address);
		mmio_write32(m->table + ENTRY_UPPER, 0);
		mmio_write32(m->table + ENTRY_DATA, msg.data);
		if (!was_masked)
			set_masked(d, false);
		return;
	}
	if (m->entry)
		return;			/* the block's message is its first line's */
	if (!was_masked)
		set_masked(d, true);
	cfg_write(m, m->cap + 4, 4, msg.address);
	if (cfg_read(m, m->cap + MSI_CONTROL, 2) & MSI_64BIT) {
		cfg_write(m, m->cap + 8, 4, 0);
		cfg_write(m, m->cap + 12, 2, msg.data);
	} else {
		cfg_write(m, m->cap + 8, 2, msg.data);
	}
	if (!was_masked)
		set_masked(d, false);
}

const struct irq_chip msi_chip = { "MSI", msi_mask, msi_unmask, msi_aim, NULL };

static bool same_function(const struct msi_place *a, const struct msi_place *b)
{
	return a->seg == b->seg && a->bus == b->bus && a->devfn == b->devfn;
}

/* Another line of the same function; msix_entry < 0: any entry, any kind. */
static bool in_use(const struct msi_place *m, int msix_entry)
{
	for (unsigned irq = nr_gsis; irq < nr_irqs; irq++) {
		const struct irq_desc *d = irq_desc(irq);

		if (d->chip != &msi_chip || &d->msi == m || !same_function(&d->msi, m))
			continue;
		if (msix_entry < 0 || !d->msi.msix || d->msi.entry == msix_entry)
			return true;
	}
	return false;
}

/* Finds and maps the entry of m in the table. */
static int locate_entry(struct msi_place *m, uint64_t claimed_base)
{
	uint16_t control = cfg_read(m, m->cap + MSI_CONTROL, 2);
	uint32_t table = cfg_read(m, m->cap + MSIX_TABLE, 4);
	paddr_t pa;

	if (m->entry > (control & 0x7ff) || (table & 7) > 5)
		return -EINVAL;
	pa = msi_read_bar(m, table & 7);
	if (!pa || (claimed_base && claimed_base != pa && claimed_base != pa + (table & ~7u)))
		return -ENXIO;
	pa += (table & ~7u) + m->entry * MSIX_ENTRY_SIZE;
	/* A guest that owns the device could have moved its BAR over RAM or over our own devices. */
	if (pa >= MESSAGE_BASE && pa < MESSAGE_BASE + 0x100000)
		return -ENXIO;
	m->table = map_table_page(pa & PAGE_MASK);
	if (!m->table)
		return -ENOMEM;
	m->table += pa & ~PAGE_MASK;
	return 0;
}

static void enable(const struct msi_place *m)
{
	uint16_t control = cfg_read(m, m->cap + MSI_CONTROL, 2);
	unsigned log = 0;

	if (m->msix) {
		cfg_write(m, m->cap + MSI_CONTROL, 2, (control | MSIX_ENABLE) & ~MSIX_MASKALL);
		return;
	}
	while ((1u << log) < m->block)
		log++;
	cfg_write(m, m->cap + MSI_CONTROL, 2, (control & ~0x70u) | log << 4 | MSI_ENABLE);
}

static void disable(const struct msi_place *m)
{
	uint16_t control = cfg_read(m, m->cap + MSI_CONTROL, 2);

	cfg_write(m, m->cap + MSI_CONTROL, 2, control & ~(m->msix ? MSIX_ENABLE : MSI_ENABLE));
}

/* Checks what is asked against the device; fills m but for its table. */
static int decode(const struct msi_request *r, struct msi_place *m)
{
	*m = (struct msi_place){ .seg = r->seg, .bus = r->bus, .devfn = r->devfn, .msix = r->msix,
				 .entry = r->msix ? r->entry : 0, .block = r->count };
	m->cap = find_cap(m, r->msix ? CAP_MSIX : CAP_MSI);
	if (!m->cap)
		return -ENODEV;
	if (!r->count || r->count > 32 || (r->count & (r->count - 1)) || (r->msix && r->count != 1))
		return -EINVAL;
	if (!r->msix && r->count > 1u << (cfg_read(m, m->cap + MSI_CONTROL, 2) >> 1 & 7))
		return -EINVAL;
	if (r->msix && !(cfg_read(m, PCI_COMMAND, 2) & COMMAND_MEMORY))
		return -ENXIO;
	return in_use(m, r->msix ? m->entry : -1) ? -EEXIST : 0;
}

/* setup_lock held; the rest as msi_map */
static int map_locked(const struct msi_request *r, unsigned *first_irq)
{
	struct msi_place m;
	unsigned first, cpu, vector;
	int rc;

	rc = decode(r, &m);
	if (!rc && m.msix)
		rc = locate_entry(&m, r->table_base);
	if (!rc && m.msix)
		rc = msix_table_use(&m);
	if (rc)
		return rc;
	rc = irq_take_msi(r->count, &msi_chip, &first);
	if (rc)
		goto unuse;
	rc = vectors_alloc(&cpu_online_map, first, r->count, &cpu, &vector);
	for (unsigned i = 0; i < r->count; i++) {
		struct irq_desc *d = irq_desc(first + i);

		if (rc) {
			irq_give_back_msi(first + i);
			continue;
		}
		d->msi = m;
		d->msi.entry = m.entry + i;
		d->cpu = cpu;
		d->vector = vector + i;
		if (!m.msix)
			d->chip->mask(d);
		d->chip->aim(d);
	}
	if (!rc) {
		enable(&m);
		*first_irq = first;
		return 0;
	}
unuse:
	if (m.msix)
		msix_table_unuse(&m);
	return rc;
}

/*
 * r->count > 1 (a power of two, up to 32) is for MSI only: consecutive irqs. -ENODEV: no such capability; -EINVAL: no such entry or
 * more messages than the device has; -ENXIO: memory decoding is off or the table is not where it should be; -EEXIST: the entry is
 * mapped already; -ENOSPC: no irqs or vectors left; -ENOMEM. The lines fire once a handler is bound.
 */
int msi_map(const struct msi_request *r, unsigned *first_irq)
{
	int rc;

	spin_lock(&setup_lock);
	rc = map_locked(r, first_irq);
	spin_unlock(&setup_lock);
	return rc;
}

void msi_unmap(unsigned irq)
{
	struct irq_desc *d = irq_desc(irq);

	spin_lock(&setup_lock);
	if (d && d->chip == &msi_chip) {
		msi_mask(d);
		if (!in_use(&d->msi, -1) && cfg_read(&d->msi, 0, 2) != 0xffff)
			disable(&d->msi);
		if (d->msi.msix)
			msix_table_unuse(&d->msi);
		irq_give_back_msi(irq);
	}
	spin_unlock(&setup_lock);
}

/* PHYSDEVOP_prepare_msix, release_msix. -ENODEV: no MSI-X; else as msix_table_prepare */
int msi_prepare(uint16_t seg, uint8_t bus, uint8_t devfn, bool release)
{
	struct msi_place m = { .seg = seg, .bus = bus, .devfn = devfn, .msix = true };

	m.cap = find_cap(&m, CAP_MSIX);
	if (!m.cap)
		return -ENODEV;
	return msix_table_prepare(&m, release);
}

/* Writes a function's messages anew after it was reset or slept (PHYSDEVOP_restore_msi). -ENODEV: nothing answers there. */
int msi_restore(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	const struct msi_place m = { .seg = seg, .bus = bus, .devfn = devfn };

	if (cfg_read(&m, 0, 2) == 0xffff)
		return -ENODEV;
	spin_lock(&setup_lock);
	for (unsigned irq = nr_gsis; irq < nr_irqs; irq++) {
		struct irq_desc *d = irq_desc(irq);
		unsigned long flags;

		if (d->chip != &msi_chip || !same_function(&d->msi, &m))
			continue;
		flags = spin_lock_irqsave(&d->lock);
		msi_aim(d);
		set_masked(d, d->masked);
		if (d->msi.msix || !d->msi.entry)
			enable(&d->msi);
		spin_unlock_irqrestore(&d->lock, flags);
	}
	spin_unlock(&setup_lock);
	return 0;
}
