// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What dom0's devices may reach, by the words of dom0-iommu=. Its frames come by themselves as they become writable for it, and go
 * as they stop being (domain->iommu); here are the ranges that are there for good.
 */
#include "init_iommu.h"
#include "boot/boot.h"
#include "domain/domain.h"
#include "lib/panic.h"
#include "lib/rangeset.h"
#include "x86/acpi.h"
#include "x86/iommu/iommu.h"

#define BELOW_4G ((1ul << (32 - PAGE_SHIFT)) - 1)

static void deny_unit(void *arg, paddr_t base, uint64_t size)
{
	struct domain *d = arg;

	if (rangeset_remove(d->io_mem, base >> PAGE_SHIFT, (base + size - 1) >> PAGE_SHIFT))
		panic("dom0: no memory for its I/O rights");
}

static int add_part(unsigned long s, unsigned long e, void *set)
{
	return s > BELOW_4G ? 0 : rangeset_add(set, s, e < BELOW_4G ? e : BELOW_4G);
}

/* Device memory and holes that dom0 may map, but not what is RAM or the configuration space of devices. */
static int inclusive(const struct domain *d, struct rangeset *set)
{
	int rc = rangeset_for_each(d->io_mem, add_part, set);

	for (unsigned i = 0; !rc && i < boot_info.nr_mem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		if (m->type == 1 && m->size)
			rc = rangeset_remove(set, m->start >> PAGE_SHIFT, (m->start + m->size - 1) >> PAGE_SHIFT);
	}
	for (unsigned i = 0; !rc && i < acpi.nr_mcfg; i++)
		rc = rangeset_remove(set, (acpi.mcfg[i].base + ((paddr_t)acpi.mcfg[i].start_bus << 20)) >> PAGE_SHIFT,
				     (acpi.mcfg[i].base + ((acpi.mcfg[i].end_bus + 1ul) << 20) - 1) >> PAGE_SHIFT);
	return rc;
}

/* What the firmware calls reserved, and dom0 may map. */
static int reserved(const struct domain *d, struct rangeset *set)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < boot_info.nr_mem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];
		unsigned long s = m->start >> PAGE_SHIFT, e = (m->start + m->size - 1) >> PAGE_SHIFT;

		if (m->type == 2 && m->size && e <= BELOW_4G && rangeset_contains(d->io_mem, s, e))
			rc = rangeset_add(set, s, e);
	}
	return rc;
}

static int map_part(unsigned long s, unsigned long e, void *space)
{
	return iommu_add_range(space, s, e - s + 1, true);
}

static int add_other_memory(struct iommu_space *s, const struct domain *d)
{
	struct rangeset *set = rangeset_new("dom0's DMA");
	int rc = set ? 0 : -1;

	if (!rc && iommu_dom0_inclusive)
		rc = inclusive(d, set);
	else if (!rc && iommu_dom0_reserved)
		rc = reserved(d, set);
	if (!rc)
		rc = rangeset_for_each(set, map_part, s);
	rangeset_destroy(set);
	return rc;
}

/* dom0-iommu=no-strict: all RAM but where the hypervisor's image lies; what is allocated later is not told apart. */
static int add_all_ram(struct iommu_space *s)
{
	struct rangeset *set = rangeset_new("RAM");
	int rc = set ? 0 : -1;

	for (unsigned i = 0; !rc && i < boot_info.nr_mem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];
		uint64_t first = PFN_UP(m->start), end = (m->start + m->size) >> PAGE_SHIFT;

		if (m->type == 1 && first < end)
			rc = rangeset_add(set, first, end - 1);
	}
	if (!rc)
		rc = rangeset_remove(set, boot_info.image_start >> PAGE_SHIFT, PFN_UP(boot_info.image_end) - 1);
	if (!rc)
		rc = rangeset_for_each(set, map_part, s);
	rangeset_destroy(set);
	return rc;
}

void init_confine_dom0(struct domain *d)
{
	struct iommu_space *s;
	bool follow = iommu_dom0_strict && !iommu_dom0_passthrough;

	if (!iommu_active)
		return;
	iommu_for_each_unit(deny_unit, d);
	s = iommu_space_new(d->id, iommu_dom0_passthrough);
	/* A unit that cannot let everything through gets tables of everything instead. */
	if (!s || add_other_memory(s, d) || iommu_add_regions(s) || (!follow && add_all_ram(s)))
		panic("IOMMU: no memory for what dom0's devices may reach");
	if (follow)
		d->iommu = s;
	iommu_set_dom0_space(s);
	printk(LOG_INFO "IOMMU: dom0's devices reach %s\n", iommu_dom0_passthrough ? "everything (passthrough)" :
	       follow ? "dom0's frames and what it is granted" : "all RAM but the hypervisor's image (no-strict)");
}
