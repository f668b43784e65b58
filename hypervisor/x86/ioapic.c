/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IO-APICs: their pins are the GSIs. ISA lines are edge-triggered and active-high unless the MADT says otherwise, the rest
 * level and low (PCI) until dom0 says otherwise from its AML. Source: Intel 82093AA; ICH9 13.5.
 */
#include "x86/irq_desc.h"
#include "x86/acpi.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define REG_SELECT	0x00
#define REG_WINDOW	0x10
#define IOAPIC_VERSION	1
#define IOAPIC_RTE(pin)	(0x10 + 2 * (pin))
#define RTE_LOW		(1u << 13)
#define RTE_REMOTE_IRR	(1u << 14)
#define RTE_LEVEL	(1u << 15)
#define RTE_MASKED	(1u << 16)

struct ioapic { volatile char *regs; paddr_t base; unsigned gsi_base, pins; };

static struct ioapic ioapics[ARRAY_SIZE(acpi.ioapic)];
static unsigned nr_ioapics;
static DEFINE_SPINLOCK(ioapic_lock);	/* the select register of each */

static uint32_t reg_read(const struct ioapic *a, unsigned reg)
{
	mmio_write32(a->regs + REG_SELECT, reg);
	return mmio_read32(a->regs + REG_WINDOW);
}

static void reg_write(const struct ioapic *a, unsigned reg, uint32_t v)
{
	mmio_write32(a->regs + REG_SELECT, reg);
	mmio_write32(a->regs + REG_WINDOW, v);
}

static const struct ioapic *ioapic_of(unsigned gsi, unsigned *pin)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].pins) {
			*pin = gsi - ioapics[i].gsi_base;
			return &ioapics[i];
		}
	return NULL;
}

static uint32_t rte_low(const struct irq_desc *d)
{
	return d->code | (d->low ? RTE_LOW : 0) | (d->level ? RTE_LEVEL : 0) | (d->masked ? RTE_MASKED : 0);
}

/* Edge mode clears it. The entry is masked afterwards. */
static void clear_remote_irr(const struct ioapic *a, unsigned pin, uint32_t low)
{
	reg_write(a, IOAPIC_RTE(pin), (low & ~RTE_LEVEL) | RTE_MASKED);
}

static void set_masked(struct irq_desc *d, bool masked)
{
	unsigned pin;
	const struct ioapic *a = ioapic_of(d->irq, &pin);
	unsigned long flags;

	if (!a)
		return;
	d->masked = masked;
	flags = spin_lock_irqsave(&ioapic_lock);
	/* The CPU's EOI says the vector: who has another in its entry does not know it for its own. */
	if (!masked && d->level && d->code != d->vector)
		clear_remote_irr(a, pin, rte_low(d));
	reg_write(a, IOAPIC_RTE(pin), rte_low(d));
	/* A posted write: the line must be quiet before the EOI that follows. */
	if (masked)
		reg_read(a, IOAPIC_RTE(pin));
	spin_unlock_irqrestore(&ioapic_lock, flags);
}

static void ioapic_mask(struct irq_desc *d) { set_masked(d, true); }
static void ioapic_unmask(struct irq_desc *d) { set_masked(d, false); }

static void ioapic_eoi(struct irq_desc *d)
{
	if (!d->masked && d->code != d->vector)
		set_masked(d, false);
}

/*
 * Masked while it changes. An interrupt accepted under the old vector whose EOI will not match the new one would leave the
 * remote IRR bit set for ever.
 */
static void ioapic_aim(struct irq_desc *d)
{
	unsigned pin;
	const struct ioapic *a = ioapic_of(d->irq, &pin);
	unsigned long flags;
	struct irq_message msg = { irq_destination(d->cpu) << 24, d->vector };
	uint32_t low;

	if (!a)
		return;
	if (irq_remapper)
		irq_remapper->remap(d, &msg);
	d->code = (uint16_t)msg.data;
	low = rte_low(d);
	flags = spin_lock_irqsave(&ioapic_lock);
	reg_write(a, IOAPIC_RTE(pin), low | RTE_MASKED);
	if (reg_read(a, IOAPIC_RTE(pin)) & RTE_REMOTE_IRR)
		clear_remote_irr(a, pin, low);
	reg_write(a, IOAPIC_RTE(pin) + 1, msg.address);
	reg_write(a, IOAPIC_RTE(pin), low);
	spin_unlock_irqrestore(&ioapic_lock, flags);
}

const struct irq_chip ioapic_chip = { "IO-APIC", ioapic_mask, ioapic_unmask, ioapic_aim, ioapic_eoi };

static void init_one(unsigned i)
{
	struct ioapic *a = &ioapics[nr_ioapics];

	a->base = acpi.ioapic[i].base;
	a->gsi_base = acpi.ioapic[i].gsi_base;
	a->regs = x86_map_device(a->base, PAGE_SIZE);
	if (!a->regs)
		panic("No memory to map IO-APIC %u", acpi.ioapic[i].id);
	if (reg_read(a, IOAPIC_VERSION) == ~0u) {
		printk(LOG_WARN "IO-APIC %u at %lx does not answer: left out\n", acpi.ioapic[i].id, (unsigned long)a->base);
		return;
	}
	a->pins = (reg_read(a, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (unsigned pin = 0; pin < a->pins; pin++) {
		reg_write(a, IOAPIC_RTE(pin), RTE_MASKED);
		reg_write(a, IOAPIC_RTE(pin) + 1, 0);
	}
	if (a->gsi_base + a->pins > nr_gsis)
		nr_gsis = a->gsi_base + a->pins;
	printk(LOG_INFO "IO-APIC %u at %lx: GSIs %u..%u\n", acpi.ioapic[i].id, (unsigned long)a->base, a->gsi_base,
	       a->gsi_base + a->pins - 1);
	nr_ioapics++;
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < acpi.nr_ioapics; i++)
		init_one(i);
}

int ioapic_set_gsi(unsigned gsi, bool level, bool active_low)
{
	struct irq_desc *d = gsi < nr_gsis ? irq_desc(gsi) : NULL;
	unsigned long flags;
	int rc = 0;

	if (!d || !d->chip)
		return -EINVAL;
	flags = spin_lock_irqsave(&d->lock);
	if (d->level != level || d->low != active_low) {
		/* One of ours, or a line already given to a guest: it knows better how it is wired. */
		if (d->fn || d->nr_cookies) {
			rc = -EBUSY;
		} else {
			d->level = level;
			d->low = active_low;
			if (d->vector)
				d->chip->aim(d);
		}
	}
	spin_unlock_irqrestore(&d->lock, flags);
	return rc;
}

static const struct ioapic *ioapic_at(uint64_t phys)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		if (ioapics[i].base == phys)
			return &ioapics[i];
	return NULL;
}

/* dom0's look at the registers (PHYSDEVOP_apic_read). -EINVAL: no IO-APIC there, or no such register. */
int ioapic_guest_read(uint64_t phys, uint32_t reg, uint32_t *val)
{
	const struct ioapic *a = ioapic_at(phys);
	unsigned long flags;

	if (!a || reg >= IOAPIC_RTE(a->pins))
		return -EINVAL;
	flags = spin_lock_irqsave(&ioapic_lock);
	*val = reg_read(a, reg);
	spin_unlock_irqrestore(&ioapic_lock, flags);
	return 0;
}

/*
 * dom0's write (PHYSDEVOP_apic_write): trigger and polarity of a pin that nobody uses yet are taken from the low half of its
 * entry; vectors and destinations are ours, so everything else is ignored. -EINVAL as above.
 */
int ioapic_guest_write(uint64_t phys, uint32_t reg, uint32_t val)
{
	const struct ioapic *a = ioapic_at(phys);
	int rc;

	if (!a || reg >= IOAPIC_RTE(a->pins))
		return -EINVAL;
	if (reg < IOAPIC_RTE(0) || (reg & 1) || (val & RTE_MASKED))
		return 0;
	rc = ioapic_set_gsi(a->gsi_base + (reg - IOAPIC_RTE(0)) / 2, val & RTE_LEVEL, val & RTE_LOW);
	return rc == -EBUSY ? 0 : rc;
}

void ioapic_dump(void)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		for (unsigned pin = 0; pin < ioapics[i].pins; pin++) {
			unsigned long flags = spin_lock_irqsave(&ioapic_lock);
			uint32_t low = reg_read(&ioapics[i], IOAPIC_RTE(pin)), high = reg_read(&ioapics[i], IOAPIC_RTE(pin) + 1);

			spin_unlock_irqrestore(&ioapic_lock, flags);
			printk("  IO-APIC %u pin %2u GSI %3u: %08x%08x%s%s\n", i, pin, ioapics[i].gsi_base + pin, high, low,
			       low & RTE_MASKED ? " masked" : "", low & RTE_REMOTE_IRR ? " in service" : "");
		}
}
