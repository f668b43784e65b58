// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults of an Intel unit: an interrupt, and a few records of what was blocked (VT-d specification, chapter 7). */
#include "x86/iommu/vtd_fault.h"
#include "x86/irq_desc.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define MESSAGE_BASE	0xfee00000u
#define RECORD_FAULT	(1ull << 63)
#define RECORD_READ	(1ull << 62)
#define AT_ONCE		64u	/* records an interrupt: the rest waits for the next */

static struct iommu_unit *unit_of(const struct irq_desc *d)
{
	for (unsigned i = 0; i < iommu_tables.nr_units; i++)
		if (iommu_unit[i].irq == d->irq)
			return &iommu_unit[i];
	return NULL;
}

static void mask(struct irq_desc *d)
{
	struct iommu_unit *u = unit_of(d);

	if (u)
		vtd_write(u, VTD_FECTL, FECTL_MASK);
}

static void unmask(struct irq_desc *d)
{
	struct iommu_unit *u = unit_of(d);

	if (u)
		vtd_write(u, VTD_FECTL, 0);
}

static void aim(struct irq_desc *d)
{
	struct iommu_unit *u = unit_of(d);

	if (!u)
		return;
	vtd_write(u, VTD_FEDATA, d->vector);
	vtd_write(u, VTD_FEADDR, MESSAGE_BASE | irq_destination(d->cpu) << 12);
	vtd_write(u, VTD_FEUADDR, 0);
}

static const struct irq_chip fault_chip = { "IOMMU", mask, unmask, aim, NULL };

static const char *reason(unsigned r)
{
	static const char *const text[] = {
		[1] = "no root entry: no device is known on its bus", [2] = "no context entry: it has no memory to reach",
		[3] = "context entry invalid", [4] = "address beyond reach", [5] = "not writable for it",
		[6] = "not readable for it", [7] = "page table out of reach", [8] = "root table out of reach",
		[9] = "context table out of reach", [10] = "root entry malformed", [11] = "context entry malformed",
		[12] = "page-table entry malformed", [13] = "translation requests are not allowed",
		[0x20] = "interrupt message malformed", [0x21] = "interrupt index too large", [0x22] = "no such interrupt",
		[0x23] = "interrupt table out of reach", [0x24] = "interrupt entry malformed",
		[0x25] = "interrupt message in the old format", [0x26] = "interrupt of another device",
	};

	return r < ARRAY_SIZE(text) && text[r] ? text[r] : "unknown reason";
}

static void on_fault(unsigned irq, void *arg)
{
	struct iommu_unit *u = arg;
	unsigned first = CAP_FRO(u->cap), nr = CAP_NFR(u->cap), seen = 0;
	uint32_t status = vtd_read(u, VTD_FSTS);

	while ((status & FSTS_PENDING) && seen < AT_ONCE) {
		unsigned before = seen;

		for (unsigned i = 0; i < nr; i++) {
			uint64_t low = vtd_read64(u, first + 16 * i), high = vtd_read64(u, first + 16 * i + 8);
			unsigned r = high >> 32 & 0xff;

			if (!(high & RECORD_FAULT))
				continue;
			vtd_write64(u, first + 16 * i + 8, RECORD_FAULT);
			iommu_report_fault(u, (uint16_t)high, r >= 0x20 ? low >> 48 : low & PAGE_MASK,
					   r >= 0x20 ? "interrupt" : high & RECORD_READ ? "read" : "write", reason(r));
			seen++;
		}
		if (seen == before)
			break;
		status = vtd_read(u, VTD_FSTS);
	}
	if (status & FSTS_QUEUE)
		printk(LOG_ERR "IOMMU: the unit at %lx refuses a request (status %x)\n", (unsigned long)u->info->base, status);
	vtd_write(u, VTD_FSTS, status & (FSTS_OVERFLOW | FSTS_QUEUE));
}

int vtd_faults_init(struct iommu_unit *u)
{
	unsigned irq;
	int rc = irq_take_msi(1, &fault_chip, &irq);

	if (rc)
		return rc;
	u->irq = irq;
	vtd_write(u, VTD_FSTS, FSTS_OVERFLOW | FSTS_QUEUE);
	for (unsigned i = 0; i < CAP_NFR(u->cap); i++)
		vtd_write64(u, CAP_FRO(u->cap) + 16 * i + 8, RECORD_FAULT);
	return irq_request(irq, on_fault, u, "IOMMU faults");
}
