// SPDX-License-Identifier: GPL-2.0-or-later
/* What both vendors' interrupt remapping asks: whose a line is. */
#include "x86/iommu/remap.h"
#include "x86/iommu/tables.h"
#include "x86/iommu/devices.h"
#include "x86/acpi.h"
#include "lib/panic.h"

/* Its place in iommu_tables; -1: the firmware does not name it. */
static int known(unsigned ioapic)
{
	for (unsigned k = 0; k < iommu_tables.nr_ioapics; k++)
		if (iommu_tables.ioapic[k].id == acpi.ioapic[ioapic].id)
			return (int)k;
	return -1;
}

bool remap_possible(bool wanted, bool units_can)
{
	bool can = units_can;

	for (unsigned i = 0; i < acpi.nr_ioapics; i++)
		can = can && known(i) >= 0;
	if (!wanted || !can)
		printk(LOG_WARN "IOMMU: no interrupt remapping (%s): a device can send any interrupt message\n",
		       wanted ? "not on all units, or an IO-APIC is not known" : "iommu=no-intremap");
	return wanted && can;
}

bool remap_device_of(const struct irq_desc *d, uint16_t *seg, uint16_t *bdf)
{
	if (d->chip == &msi_chip) {
		*seg = d->msi.seg;
		*bdf = PCI_BDF(d->msi.bus, d->msi.devfn);
		return true;
	}
	for (unsigned i = 0; i < acpi.nr_ioapics; i++) {
		int k = known(i);

		if (k < 0 || d->irq < acpi.ioapic[i].gsi_base ||
		    (i + 1 < acpi.nr_ioapics && d->irq >= acpi.ioapic[i + 1].gsi_base))
			continue;
		*seg = iommu_tables.ioapic[k].seg;
		*bdf = iommu_tables.ioapic[k].bdf;
		return true;
	}
	return false;
}
