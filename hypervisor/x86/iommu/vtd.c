// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel VT-d: legacy-mode root and context tables with second-level translation, queued invalidation. Each request is followed
 * by a wait that the unit answers in memory; a unit that does not answer has lost the host's trust, and ends it.
 */
#include "x86/iommu/vtd.h"
#include "x86/iommu/remap.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/layout.h"
#include "x86/time.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define PATIENCE	1000000000l	/* ns */
#define ROOT_PRESENT	1ull
#define CONTEXT_PRESENT	1ull
#define CONTEXT_PASS	(2ull << 2)
#define PMEN_ENABLE	(1u << 31)
#define PMEN_STATUS	1u

static void wait_status(struct iommu_unit *u, uint32_t bit, bool set)
{
	int64_t end = now() + PATIENCE;

	while (!(vtd_read(u, VTD_GSTS) & bit) == set) {
		if (now() > end)
			panic("IOMMU: the unit at %lx does not obey (status %08x, bit %08x)", (unsigned long)u->info->base,
			      vtd_read(u, VTD_GSTS), bit);
		cpu_relax();
	}
}

/* Changes one bit of what the unit does; 'once' for bits that are commands. */
static void command(struct iommu_unit *u, uint32_t bit, bool on)
{
	uint32_t now_on = vtd_read(u, VTD_GSTS) & ~GCMD_ONE_SHOT;

	vtd_write(u, VTD_GCMD, on ? now_on | bit : now_on & ~bit);
	wait_status(u, bit, on);
}

/* --- the queue --- */

static void put(struct iommu_unit *u, uint64_t low, uint64_t high)
{
	uint64_t *e = &u->queue[2 * u->tail];

	e[0] = low;
	e[1] = high;
	iommu_write_back(e, 16);
	u->tail = (u->tail + 1) % IOMMU_QUEUE_ENTRIES;
}

void vtd_request(struct iommu_unit *u, uint64_t low, uint64_t high)
{
	int64_t end = now() + PATIENCE;
	unsigned long flags = spin_lock_irqsave(&u->queue_lock);
	uint32_t n;

	n = (uint32_t)++u->sequence;
	put(u, low, high);
	put(u, QI_WAIT(n), va_to_pa((void *)u->done));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vtd_write64(u, VTD_IQT, (uint64_t)u->tail << 4);
	while ((uint32_t)READ_ONCE(*u->done) != n) {
		if (now() > end)
			panic("IOMMU: the unit at %lx does not answer request %016lx (fault status %x)",
			      (unsigned long)u->info->base, (unsigned long)low, vtd_read(u, VTD_FSTS));
		cpu_relax();
	}
	spin_unlock_irqrestore(&u->queue_lock, flags);
}

static void flush_space(struct iommu_unit *u, uint16_t id) { vtd_request(u, QI_IOTLB_DOMAIN(id), 0); }

static void flush_frame(struct iommu_unit *u, uint16_t id, uint64_t frame)
{
	if (CAP_PSI(u->cap))
		vtd_request(u, QI_IOTLB_PAGE(id), frame << PAGE_SHIFT);
	else
		flush_space(u, id);
}

/* What is not present may be cached too (CM), and writes to tables may linger in the chipset (RWBF). */
static void write_buffer_flush(struct iommu_unit *u)
{
	if (CAP_RWBF(u->cap)) {
		vtd_write(u, VTD_GCMD, (vtd_read(u, VTD_GSTS) & ~GCMD_ONE_SHOT) | GCMD_WBF);
		wait_status(u, GCMD_WBF, false);
	}
}

/* --- tables --- */

/* The context entry of a device; made if 'make'. */
static uint64_t *context_of(struct iommu_unit *u, uint16_t bdf, bool make)
{
	uint64_t *root = &u->table[2 * (bdf >> 8)], *p;

	if (!(*root & ROOT_PRESENT)) {
		p = make ? x86_alloc_pages(0) : NULL;
		if (!p)
			return NULL;
		iommu_write_back(p, PAGE_SIZE);
		WRITE_ONCE(*root, va_to_pa(p) | ROOT_PRESENT);
		iommu_write_back(root, 16);
	}
	p = pa_to_va(*root & PAGE_MASK);
	return &p[2 * (bdf & 0xff)];
}

static int set_device(struct iommu_unit *u, uint16_t bdf, const struct iommu_space *s)
{
	uint64_t *c = context_of(u, bdf, s != NULL);
	uint16_t old_id;

	if (!c)
		return s ? -ENOMEM : 0;
	old_id = (uint16_t)(c[1] >> 8);
	if (c[0] & CONTEXT_PRESENT) {
		WRITE_ONCE(c[0], 0);
		iommu_write_back(c, 16);
		write_buffer_flush(u);
		vtd_request(u, QI_CONTEXT(old_id, bdf), 0);
		flush_space(u, old_id);
	}
	if (!s)
		return 0;
	WRITE_ONCE(c[1], (uint64_t)s->id << 8 | (iommu_common.levels - 2));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(c[0], (s->passthrough ? CONTEXT_PASS : va_to_pa(s->pt.root)) | CONTEXT_PRESENT);
	iommu_write_back(c, 16);
	write_buffer_flush(u);
	/* Units that remember what was not there (CM) do so under number 0. */
	vtd_request(u, QI_CONTEXT(0, bdf), 0);
	return 0;
}

void vtd_remap_enable(struct iommu_unit *u, uint64_t irta)
{
	vtd_write64(u, VTD_IRTA, irta);
	command(u, GCMD_SIRTP, true);
	vtd_request(u, QI_IEC_ALL, 0);
	command(u, GCMD_IRE, true);
}

/* --- start --- */

static int check(struct iommu_unit *u)
{
	unsigned levels = CAP_SAGAW(u->cap) & 4 ? 4 : CAP_SAGAW(u->cap) & 2 ? 3 : 0;

	if (u->cap == ~0ull || !levels || !ECAP_QI(u->ecap)) {
		printk(LOG_ERR "IOMMU: the unit at %lx (capabilities %lx, %lx) has no %s\n", (unsigned long)u->info->base,
		       (unsigned long)u->cap, (unsigned long)u->ecap,
		       !levels ? "page tables of 3 or 4 levels" : "queued invalidation");
		return -ENODEV;
	}
	/* All units walk the same tables. */
	if (u->nr && levels != iommu_common.levels && !(CAP_SAGAW(u->cap) & (1u << (iommu_common.levels - 2)))) {
		printk(LOG_ERR "IOMMU: units differ in the depth of their tables\n");
		return -ENODEV;
	}
	if (!u->nr)
		iommu_common.levels = levels;
	iommu_common.max_ids = MIN(iommu_common.max_ids, CAP_DOMAINS(u->cap));
	iommu_common.large = iommu_common.large && CAP_2MIB(u->cap);
	iommu_common.writeback = iommu_common.writeback || !ECAP_COHERENT(u->ecap);
	iommu_common.passthrough = iommu_common.passthrough && ECAP_PT(u->ecap);
	iommu_common.caching = iommu_common.caching || CAP_CM(u->cap);
	return 0;
}

static int vtd_init(struct iommu_unit *u)
{
	int rc;

	u->cap = vtd_read64(u, VTD_CAP);
	u->ecap = vtd_read64(u, VTD_ECAP);
	rc = check(u);
	if (rc)
		return rc;
	u->table = x86_alloc_pages(0);
	u->queue = x86_alloc_pages(0);
	u->done = x86_alloc_pages(0);
	if (!u->table || !u->queue || !u->done)
		return -ENOMEM;
	iommu_write_back(u->table, PAGE_SIZE);
	/* As the firmware or an earlier system left it: off. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t off[] = { GCMD_TE, GCMD_IRE, GCMD_QIE };

		if (vtd_read(u, VTD_GSTS) & off[i])
			command(u, off[i], false);
	}
	vtd_write64(u, VTD_IQT, 0);
	vtd_write64(u, VTD_IQA, va_to_pa(u->queue));
	command(u, GCMD_QIE, true);
	return vtd_faults_init(u);
}

static void vtd_enable(struct iommu_unit *u)
{
	vtd_write64(u, VTD_RTADDR, va_to_pa(u->table));
	command(u, GCMD_SRTP, true);
	vtd_request(u, QI_CONTEXT_ALL, 0);
	vtd_request(u, QI_IOTLB_ALL, 0);
	command(u, GCMD_TE, true);
	/* The firmware's crude protection is not needed any more. */
	if ((CAP_PLMR(u->cap) || CAP_PHMR(u->cap)) && (vtd_read(u, VTD_PMEN) & PMEN_STATUS))
		vtd_write(u, VTD_PMEN, vtd_read(u, VTD_PMEN) & ~PMEN_ENABLE);
}

const struct iommu_ops iommu_vtd_ops = {
	.name = "VT-d", .format = &iopt_vtd, .regs_size = PAGE_SIZE, .init = vtd_init, .remap_init = vtd_remap_init,
	.enable = vtd_enable,
	.set_device = set_device, .flush_space = flush_space, .flush_frame = flush_frame,
};
