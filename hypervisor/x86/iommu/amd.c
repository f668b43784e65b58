// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AMD-Vi: device table, host page tables, command buffer, event log. An entry that is not valid would let everything through, so
 * the table is full from the start: who is not known reaches nothing.
 */
#include "x86/iommu/amd.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/irq.h"
#include "x86/layout.h"
#include "x86/time.h"
#include "lib/errno.h"
#include "lib/panic.h"

#define PATIENCE	1000000000l	/* ns */
#define LEVELS		4u
#define RUNNING		(CONTROL_EVTLOG | CONTROL_EVTINT | CONTROL_COHERENT | CONTROL_CMDBUF | CONTROL_ENABLE)

static struct iopt nothing;	/* what a blocked device reaches */

static uint64_t blocked(void) { return va_to_pa(nothing.root) | DTE_MODE(LEVELS) | DTE_TRANSLATE | DTE_VALID; }

/* --- commands --- */

static void put(struct iommu_unit *u, uint64_t low, uint64_t high)
{
	u->queue[2 * u->tail] = low;
	u->queue[2 * u->tail + 1] = high;
	u->tail = (u->tail + 1) % IOMMU_QUEUE_ENTRIES;
}

void amd_request(struct iommu_unit *u, uint64_t low, uint64_t high)
{
	int64_t end = now() + PATIENCE;
	unsigned long flags = spin_lock_irqsave(&u->queue_lock);

	if (!u->enabled)	/* remembers nothing yet, and reads no commands */
		goto out;
	put(u, low, high);
	put(u, CMD_WAIT | va_to_pa((void *)u->done), ++u->sequence);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	amd_write(u, AMD_CMD_TAIL, (uint64_t)u->tail << 4);
	while (READ_ONCE(*u->done) != u->sequence) {
		if (now() > end)
			panic("IOMMU: the unit at %lx does not answer request %016lx (status %lx)", (unsigned long)u->info->base,
			      (unsigned long)low, (unsigned long)amd_read(u, AMD_STATUS));
		cpu_relax();
	}
out:
	spin_unlock_irqrestore(&u->queue_lock, flags);
}

static void flush_space(struct iommu_unit *u, uint16_t id) { amd_request(u, CMD_PAGES(id), PAGES_ALL); }

static void flush_frame(struct iommu_unit *u, uint16_t id, uint64_t frame)
{
	amd_request(u, CMD_PAGES(id), frame << PAGE_SHIFT | PAGES_PDE);
}

/* --- the device table --- */

static unsigned last_device(const struct iommu_unit *u)
{
	unsigned last = 0;

	for (unsigned i = 0; i < u->info->nr_scopes; i++)
		last = MAX(last, u->info->scope[i].last);
	for (unsigned i = 0; i < iommu_tables.nr_aliases; i++)
		last = MAX(last, iommu_tables.alias[i].as);
	return last;
}

/* Order of pages of the whole table. */
static unsigned table_order(unsigned devices)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < devices * DTE_WORDS * 8ul)
		order++;
	return order;
}

static int set_device(struct iommu_unit *u, uint16_t bdf, const struct iommu_space *s)
{
	uint64_t *e = &u->table[DTE_WORDS * bdf];
	uint16_t old_id = (uint16_t)e[1];

	if (bdf >= u->nr_devices)
		return s ? -ENODEV : 0;
	WRITE_ONCE(e[0], blocked());
	amd_request(u, CMD_DEVICE(bdf), 0);
	if (old_id)
		flush_space(u, old_id);
	WRITE_ONCE(e[1], s ? s->id : 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (s && s->passthrough)
		WRITE_ONCE(e[0], DTE_READ | DTE_WRITE | DTE_TRANSLATE | DTE_VALID);
	else if (s)
		WRITE_ONCE(e[0], va_to_pa(s->pt.root) | DTE_MODE(LEVELS) | DTE_READ | DTE_WRITE | DTE_TRANSLATE | DTE_VALID);
	amd_request(u, CMD_DEVICE(bdf), 0);
	return 0;
}

/* --- events --- */

static void one_event(struct iommu_unit *u, uint64_t e, uint64_t addr)
{
	static const char *const what[16] = {
		[1] = "device table entry malformed", [3] = "device table out of reach", [4] = "page table out of reach",
		[5] = "illegal command", [6] = "command out of reach", [7] = "device TLB does not answer",
		[8] = "request not allowed", [9] = "page request not allowed",
	};
	unsigned code = EVENT_CODE(e);

	if (code == EVENT_FAULT)
		iommu_report_fault(u, (uint16_t)e, addr & PAGE_MASK,
				   EVENT_INTERRUPT(e) ? "interrupt" : EVENT_WRITE(e) ? "write" : "access", "not allowed to it");
	else if (code == 1 || code == 8)
		iommu_report_fault(u, (uint16_t)e, addr, "access", what[code]);
	else
		printk(LOG_ERR "IOMMU: the unit at %lx says: %s (event %016lx %016lx)\n", (unsigned long)u->info->base,
		       what[code] ? what[code] : "an event of an unknown kind", (unsigned long)e, (unsigned long)addr);
}

/*
 * An entry that has been read is cleared, so that the next one that is there is seen by itself: the unit may move its tail before
 * it has written the entry. QEMU before 10.2 logs nothing at all.
 */
static void on_event(unsigned irq, void *arg)
{
	struct iommu_unit *u = arg;
	uint64_t status = amd_read(u, AMD_STATUS);

	amd_write(u, AMD_STATUS, STATUS_EVTINT);
	for (unsigned i = 0; i < IOMMU_QUEUE_ENTRIES; i++) {
		uint64_t *e = &u->log[2 * u->log_head];

		if (!EVENT_CODE(READ_ONCE(e[0])))
			break;
		one_event(u, READ_ONCE(e[0]), READ_ONCE(e[1]));
		e[0] = e[1] = 0;
		u->log_head = (u->log_head + 1) % IOMMU_QUEUE_ENTRIES;
	}
	amd_write(u, AMD_EVT_HEAD, (uint64_t)u->log_head << 4);
	if (status & STATUS_OVERFLOW) {
		/* The unit has stopped logging: anew, from an empty log. */
		printk(LOG_WARN "IOMMU: the unit at %lx had more events than its log holds\n", (unsigned long)u->info->base);
		amd_write(u, AMD_CONTROL, RUNNING & ~(CONTROL_EVTLOG | CONTROL_EVTINT));
		amd_write(u, AMD_STATUS, STATUS_OVERFLOW | STATUS_EVTINT);
		amd_write(u, AMD_EVTLOG, va_to_pa(u->log) | LENGTH_256);
		u->log_head = 0;
		amd_write(u, AMD_CONTROL, RUNNING);
	}
}

/* Its events come as an ordinary message of its PCI function. Without it the rest works, silently. */
static void events_init(struct iommu_unit *u)
{
	struct msi_request r = { .seg = u->info->seg, .bus = u->info->bdf >> 8, .devfn = (uint8_t)u->info->bdf, .count = 1 };
	int rc = msi_map(&r, &u->irq);

	if (!rc)
		rc = irq_request(u->irq, on_event, u, "IOMMU events");
	if (rc)
		printk(LOG_WARN "IOMMU: no interrupt for the unit at %lx (error %d): its faults are not reported\n",
		       (unsigned long)u->info->base, rc);
}

/* --- start --- */

static int amd_init(struct iommu_unit *u)
{
	unsigned order;

	if (!nothing.root && iopt_init(&nothing, &iopt_amd, LEVELS))
		return -ENOMEM;
	amd_write(u, AMD_CONTROL, 0);
	iommu_common.levels = LEVELS;
	u->nr_devices = last_device(u) + 1;
	order = table_order(u->nr_devices);
	u->table = x86_alloc_pages(order);
	u->queue = x86_alloc_pages(0);
	u->log = x86_alloc_pages(0);
	u->done = x86_alloc_pages(0);
	if (!u->table || !u->queue || !u->log || !u->done)
		return -ENOMEM;
	/* To the end of the last page: the unit reads entries there too. */
	u->nr_devices = (unsigned)((PAGE_SIZE << order) / (DTE_WORDS * 8));
	for (unsigned i = 0; i < u->nr_devices; i++)
		u->table[DTE_WORDS * i] = blocked();
	amd_write(u, AMD_DEVTAB, va_to_pa(u->table) | ((1ull << order) - 1));
	amd_write(u, AMD_CMDBUF, va_to_pa(u->queue) | LENGTH_256);
	amd_write(u, AMD_EVTLOG, va_to_pa(u->log) | LENGTH_256);
	amd_write(u, AMD_CMD_HEAD, 0);
	amd_write(u, AMD_CMD_TAIL, 0);
	amd_write(u, AMD_EVT_HEAD, 0);
	amd_write(u, AMD_EVT_TAIL, 0);
	events_init(u);
	return 0;
}

static void amd_enable(struct iommu_unit *u)
{
	unsigned long flags;

	amd_remap_prepare(u);
	flags = spin_lock_irqsave(&u->queue_lock);
	amd_write(u, AMD_STATUS, STATUS_OVERFLOW | STATUS_EVTINT);
	amd_write(u, AMD_CONTROL, RUNNING);
	u->enabled = true;
	spin_unlock_irqrestore(&u->queue_lock, flags);
}

const struct iommu_ops iommu_amd_ops = {
	.name = "AMD-Vi", .format = &iopt_amd, .regs_size = 4 * PAGE_SIZE, .init = amd_init,
	.remap_init = amd_remap_init, .found = amd_remap_device, .enable = amd_enable, .started = amd_remap_start,
	.set_device = set_device, .flush_space = flush_space, .flush_frame = flush_frame,
};
