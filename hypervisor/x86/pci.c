/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space. Mechanism 1 (ports 0xcf8, 0xcfc) for the first 256 bytes of segment 0; MMCFG for the rest, where the
 * firmware's memory map reserves it, or once dom0, which alone can read the AML, has said that it is.
 * MMCFG is mapped a bus (1 MiB) at a time.
 * Sources: PCI 3.0, 3.2.2.3.2; PCI firmware 3.0, 4.1.
 */
#include "x86/irq_desc.h"
#include "x86/acpi.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/quirks.h"
#include "x86/mmio_ro.h"
#include "boot/boot.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define CONFIG_ADDRESS	0xcf8
#define CONFIG_DATA	0xcfc
#define BUS_SHIFT	20
#define PCI_HEADER	0x40	/* below: command register, BARs, bridge windows */

uint32_t pci_cf8_shadow;

static DEFINE_SPINLOCK(pci_lock);	/* 0xcf8, mmcfg_usable, mmcfg_bus */
static bool mmcfg_usable[ARRAY_SIZE(acpi.mcfg)];
static volatile char *mmcfg_bus[ARRAY_SIZE(acpi.mcfg)][256];

static uint32_t address(uint8_t bus, uint8_t devfn, uint16_t reg)
{
	return 0x80000000u | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (reg & 0xfc);
}

/* Where the function's MMCFG page is mapped; NULL: not, or not yet known to be safe. pci_lock held. */
static volatile char *mmcfg_page(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	for (unsigned i = 0; i < acpi.nr_mcfg; i++) {
		if (!mmcfg_usable[i] || acpi.mcfg[i].seg != seg || bus < acpi.mcfg[i].start_bus || bus > acpi.mcfg[i].end_bus)
			continue;
		return mmcfg_bus[i][bus] ? mmcfg_bus[i][bus] + ((uint32_t)devfn << 12) : NULL;
	}
	return NULL;
}

/* Maps a bus before it is first used; outside the lock, as the allocator is not for interrupt context. */
static void mmcfg_prepare(uint16_t seg, uint8_t bus)
{
	for (unsigned i = 0; i < acpi.nr_mcfg; i++) {
		volatile char *va;

		if (!READ_ONCE(mmcfg_usable[i]) || acpi.mcfg[i].seg != seg || bus < acpi.mcfg[i].start_bus ||
		    bus > acpi.mcfg[i].end_bus || READ_ONCE(mmcfg_bus[i][bus]))
			continue;
		va = x86_map_device(acpi.mcfg[i].base + ((paddr_t)bus << BUS_SHIFT), 1ul << BUS_SHIFT);
		/* If two CPUs came here at once, one mapping is lost, which harms nobody. */
		if (va)
			WRITE_ONCE(mmcfg_bus[i][bus], va);
	}
}

static bool access_ok(uint16_t reg, unsigned size)
{
	return (size == 1 || size == 2 || size == 4) && reg < 4096 && !(reg & (size - 1));
}

static uint32_t mmio_read(const volatile char *p, unsigned size)
{
	return size == 1 ? mmio_read8(p) : size == 2 ? mmio_read16(p) : mmio_read32(p);
}

static uint32_t port_read(uint16_t port, unsigned size)
{
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

/* All ones where nothing answers or the register cannot be reached, as on the bus. Any context but NMI. */
uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size)
{
	uint32_t v = size >= 4 ? ~0u : (1u << 8 * size) - 1;
	volatile char *page;
	unsigned long flags;

	if (!access_ok(reg, size))
		return v;
	flags = spin_lock_irqsave(&pci_lock);
	if (seg == 0 && reg < 256) {
		outl(CONFIG_ADDRESS, address(bus, devfn, reg));
		v = port_read(CONFIG_DATA + (reg & 3), size);
	} else {
		page = mmcfg_page(seg, bus, devfn);
		if (!page) {
			spin_unlock_irqrestore(&pci_lock, flags);
			mmcfg_prepare(seg, bus);
			flags = spin_lock_irqsave(&pci_lock);
			page = mmcfg_page(seg, bus, devfn);
		}
		if (page)
			v = mmio_read(page + reg, size);
	}
	spin_unlock_irqrestore(&pci_lock, flags);
	return v;
}

static void port_write(uint16_t port, unsigned size, uint32_t v)
{
	if (size == 1)
		outb(port, v);
	else if (size == 2)
		outw(port, v);
	else
		outl(port, v);
}

static void mmio_write(volatile char *p, unsigned size, uint32_t v)
{
	if (size == 1)
		mmio_write8(p, v);
	else if (size == 2)
		mmio_write16(p, v);
	else
		mmio_write32(p, v);
}

void pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size, uint32_t val)
{
	volatile char *page;
	unsigned long flags;

	if (!access_ok(reg, size))
		return;
	if (seg != 0 || reg >= 256)
		mmcfg_prepare(seg, bus);
	flags = spin_lock_irqsave(&pci_lock);
	if (seg == 0 && reg < 256) {
		outl(CONFIG_ADDRESS, address(bus, devfn, reg));
		port_write(CONFIG_DATA + (reg & 3), size, val);
	} else {
		page = mmcfg_page(seg, bus, devfn);
		if (page)
			mmio_write(page + reg, size, val);
	}
	spin_unlock_irqrestore(&pci_lock, flags);
}

void pci_write_hardware_domain(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size, uint32_t val)
{
	bool held = reg < PCI_HEADER && quirk_hold_others();

	pci_write(seg, bus, devfn, reg, size, val);
	if (held)
		quirk_release_others();
}

/* dom0 reports a device (PHYSDEVOP_pci_device_add, manage_pci_add). -ENODEV: nothing answers there. */
int pci_device_add(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	return pci_read(seg, bus, devfn, 0, 2) == 0xffff ? -ENODEV : 0;
}

/* The device is gone: so are its MSIs. */
int pci_device_remove(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	for (unsigned irq = nr_gsis; irq < nr_irqs; irq++) {
		const struct irq_desc *d = irq_desc(irq);

		if (d->chip == &msi_chip && !d->nr_cookies && d->msi.seg == seg && d->msi.bus == bus && d->msi.devfn == devfn)
			msi_unmap(irq);
	}
	return 0;
}

/* Which range of the MCFG table may be used: then dom0's writes to it are done here, for it gets it read-only. */
static int mmcfg_use(unsigned i, bool use)
{
	unsigned long first = (acpi.mcfg[i].base >> PAGE_SHIFT) + ((unsigned long)acpi.mcfg[i].start_bus << 8);
	unsigned long last = (acpi.mcfg[i].base >> PAGE_SHIFT) + ((unsigned long)acpi.mcfg[i].end_bus << 8) + 255;
	int rc = 0;

	if (use)
		rc = mmio_ro_add(first, last);
	else
		mmio_ro_remove(first, last);
	if (!rc)
		WRITE_ONCE(mmcfg_usable[i], use);
	return rc;
}

static bool range_reserved(paddr_t start, paddr_t end)
{
	for (unsigned i = 0; i < boot_info.nr_mem; i++)
		if (boot_info.mem[i].type == 2 && boot_info.mem[i].start <= start &&
		    boot_info.mem[i].start + boot_info.mem[i].size >= end)
			return true;
	return false;
}

/* What the firmware's memory map has reserved need not wait for dom0. */
void pci_init(void)
{
	for (unsigned i = 0; i < acpi.nr_mcfg; i++) {
		paddr_t start = acpi.mcfg[i].base + ((paddr_t)acpi.mcfg[i].start_bus << BUS_SHIFT);
		paddr_t end = acpi.mcfg[i].base + ((paddr_t)(acpi.mcfg[i].end_bus + 1u) << BUS_SHIFT);

		if (!range_reserved(start, end) || mmcfg_use(i, true))
			continue;
		printk(LOG_INFO "PCI: MMCFG of segment %04x, buses %02x to %02x, at %#lx\n", acpi.mcfg[i].seg,
		       acpi.mcfg[i].start_bus, acpi.mcfg[i].end_bus, (unsigned long)start);
	}
}

/*
 * dom0 has found in its AML whether a range of the MCFG table is reserved (PHYSDEVOP_pci_mmcfg_reserved). -ENODEV: no such range
 * in the table; -EINVAL: it is there with other buses.
 */
int pci_mmcfg_reserved(uint64_t addr, uint16_t seg, uint8_t start_bus, uint8_t end_bus, bool reserved)
{
	for (unsigned i = 0; i < acpi.nr_mcfg; i++) {
		if (acpi.mcfg[i].base != addr || acpi.mcfg[i].seg != seg || acpi.mcfg[i].start_bus != start_bus)
			continue;
		if (acpi.mcfg[i].end_bus != end_bus)
			return -EINVAL;
		return mmcfg_use(i, reserved);
	}
	return -ENODEV;
}
