// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0's stores to device memory that it has read-only (x86/mmio_ro.h): to PCI configuration space they are done by
 * way of x86/pci.c, which knows what dom0 may not change; elsewhere (MSI-X tables) they are swallowed.
 */
#include "pv/mm_priv.h"
#include "pv/ptwr.h"
#include "lib/rangeset.h"
#include "x86/acpi.h"
#include "x86/irq.h"
#include "x86/mmio_ro.h"

/* Is pa in a memory-mapped configuration space? */
static bool mmcfg_place(paddr_t pa, uint16_t *seg, uint8_t *bus, uint8_t *devfn, uint16_t *reg)
{
	for (unsigned i = 0; i < acpi.nr_mcfg; i++) {
		paddr_t first = acpi.mcfg[i].base + ((paddr_t)acpi.mcfg[i].start_bus << 20);
		paddr_t end = acpi.mcfg[i].base + ((paddr_t)(acpi.mcfg[i].end_bus + 1u) << 20);

		if (pa < first || pa >= end)
			continue;
		*seg = acpi.mcfg[i].seg;
		*bus = (pa - acpi.mcfg[i].base) >> 20;
		*devfn = pa >> 12;
		*reg = pa & 0xfff;
		return true;
	}
	return false;
}

bool pv_ro_mmio_fault(struct vcpu *v, uint64_t addr, struct cpu_user_regs *regs)
{
	uint64_t e = pv_walk(v, addr, NULL), val, old = 0;
	paddr_t pa = (e & PTE_ADDR) | (addr & ~PAGE_MASK);
	uint8_t bus, devfn;
	uint16_t seg, reg;
	struct store s;
	bool write;

	if ((e & (PTE_P | PTE_W)) != PTE_P || !mmio_is_readonly(pte_mfn(e)))
		return false;
	if (!store_fetch(regs, addr, &s))
		return false;
	if (mmcfg_place(pa, &seg, &bus, &devfn, &reg)) {
		if (s.insn.bytes > 4 || (pa & (s.insn.bytes - 1)))
			return false;
		old = pci_read(seg, bus, devfn, reg, s.insn.bytes);
		if (!store_compute(&s, regs, old, &val, &write))
			return false;
		if (write)
			pci_write_hardware_domain(seg, bus, devfn, reg, s.insn.bytes, val);
	} else if (!store_compute(&s, regs, old, &val, &write)) {
		return false;
	}
	store_finish(&s, regs);
	return true;
}
