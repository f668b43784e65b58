/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/scrub.h"
#include "mem/buddy.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "x86/cpu.h"

#define BATCH_ORDER 4	/* 64 KiB: some 10 us, 50 under emulation; an interrupt's work waits no longer */

void flush_since(uint32_t stamp)
{
	cpumask_t mask = cpu_online_map;

	if (!stamp)
		return;
	tlb_owe_stamp(&tlb_owed_by_all, stamp);
	tlb_filter(&mask, stamp);
	if (!cpumask_empty(&mask))
		flush_tlb_mask(&mask, 0);	/* guests' entries are never global */
}

void scrub_frames(struct frame *f, unsigned order)
{
	memset(frame_va(f), 0, PAGE_SIZE << order);
}

bool scrub_zones(unsigned node, unsigned top)
{
	unsigned order;
	uint32_t stamp;
	struct frame *f = buddy_take_dirty(node, top, BATCH_ORDER, &order, &stamp);

	if (!f)
		return false;
	flush_since(stamp);	/* else its last owner could write to it when it is clean */
	scrub_frames(f, order);
	buddy_put_clean(f, order);
	return true;
}

/*
 * One idle CPU at a time: it keeps up with memory's speed, and many would keep those that allocate waiting for the node's lock.
 */
bool scrub_some(void)
{
	static DEFINE_SPINLOCK(one_scrubs);
	unsigned nr = mem_nr_nodes(), mine = cpu_topology[smp_processor_id()].node;
	bool more = false;

	/* Most often there is nothing: a CPU that falls idle for moments finds that out first. */
	for (unsigned n = 0; n < nr && !more; n++)
		more = buddy_dirty_count(n);
	if (!more || !spin_trylock(&one_scrubs))
		return false;
	more = mine < nr && scrub_zones(mine, NR_ZONES - 1);
	for (unsigned n = 0; n < nr && !more; n++)
		more = n != mine && scrub_zones(n, NR_ZONES - 1);
	spin_unlock(&one_scrubs);
	return more;
}
