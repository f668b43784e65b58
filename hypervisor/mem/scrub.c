/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/scrub.h"
#include "mem/buddy.h"
#include "lib/string.h"
#include "x86/cpu.h"

#define BATCH_ORDER 4	/* 64 KiB: some 10 us, 50 under emulation; an interrupt's work waits no longer */

void scrub_frames(struct frame *f, unsigned order)
{
	memset(frame_va(f), 0, PAGE_SIZE << order);
}

bool scrub_node(unsigned node)
{
	unsigned order;
	uint32_t stamp;
	struct frame *f = buddy_take_dirty(node, BATCH_ORDER, &order, &stamp);

	if (!f)
		return false;
	scrub_frames(f, order);
	buddy_put_clean(f, order, stamp);
	return true;
}

bool scrub_some(void)
{
	unsigned nr = mem_nr_nodes(), mine = cpu_topology[smp_processor_id()].node;

	if (mine < nr && scrub_node(mine))
		return true;
	for (unsigned n = 0; n < nr; n++)
		if (n != mine && scrub_node(n))
			return true;
	return false;
}
