/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frames_alloc: which node, which zone, when to open a section, when to scrub. The blocks themselves: mem/buddy.c. */
#include "mem/alloc.h"
#include "mem/buddy.h"
#include "mem/scrub.h"
#include "mem/section.h"
#include "x86/cpu.h"

#define WHOLE_BATCHES 4096u	/* of 64 KiB: 256 MiB */
#define SCRUB_WAITS 10000u	/* longer than a batch takes */

/* Highest zone whose frames all lie below 1 << bits; false: none */
static bool zone_limit(unsigned bits, unsigned *zone)
{
	if (!bits || bits >= PAGE_SHIFT + ZONE_SHIFT + NR_ZONES - 1) {
		*zone = NR_ZONES - 1;
		return true;
	}
	if (bits < PAGE_SHIFT + ZONE_SHIFT)
		return false;
	*zone = bits - PAGE_SHIFT - ZONE_SHIFT;
	return true;
}

/* The highest zone first, open and closed memory of it, then the next. */
static struct frame *take_from(unsigned node, unsigned top, unsigned order, bool want_clean, bool *dirty, uint32_t *stamp)
{
	struct frame *f;

	for (unsigned z = top + 1; z-- > 0;) {
		do {
			f = buddy_take(node, z, order, want_clean, dirty, stamp);
			if (f)
				return f;
		} while (zone_has_closed(node, z) && section_open_for(node, z, order));
	}
	return NULL;
}

/*
 * Free memory may be in pieces only because some is clean and some not: making it all clean merges them. Only where the block may
 * come from, and not without end: a large machine would stand still for minutes.
 */
static bool make_whole(unsigned node, unsigned top, unsigned order)
{
	unsigned batches = 0, waits = 0;

	if (!order || buddy_free_count(node) < 1ull << order || !(buddy_mixed(node, top) || buddy_scrub_running(node)))
		return false;
	while (batches < WHOLE_BATCHES && scrub_zones(node, top))
		batches++;
	/* A piece may be off for a moment at an idle CPU, which for its part does not stop. */
	while (buddy_scrub_running(node) && waits++ < SCRUB_WAITS)
		__builtin_ia32_pause();
	return batches || waits;
}

static struct frame *take_whole(unsigned node, unsigned top, unsigned order, bool want_clean, bool *dirty, uint32_t *stamp)
{
	struct frame *f = take_from(node, top, order, want_clean, dirty, stamp);

	if (!f) {
		buddy_settle(node);	/* or another CPU has, just now */
		f = take_from(node, top, order, want_clean, dirty, stamp);
	}
	if (!f && make_whole(node, top, order))
		f = take_from(node, top, order, want_clean, dirty, stamp);
	while (!f && !order && buddy_scrub_running(node))	/* the last frames are off for a moment */
		f = take_from(node, top, order, want_clean, dirty, stamp);
	return f;
}

struct frame *frames_alloc(unsigned order, unsigned flags)
{
	unsigned node = flags & 0xff, top, nr = mem_nr_nodes();
	bool no_scrub = flags & ALLOC_NO_SCRUB, dirty;
	struct frame *f;
	uint32_t stamp;

	if (order > MAX_ORDER || !zone_limit(flags >> 16, &top))
		return NULL;
	if (node >= nr)
		node = cpu_topology[smp_processor_id()].node < nr ? cpu_topology[smp_processor_id()].node : 0;
	f = take_whole(node, top, order, !no_scrub, &dirty, &stamp);
	for (unsigned n = 0; n < nr && !f && !(flags & ALLOC_EXACT); n++)
		if (n != node)
			f = take_whole(n, top, order, !no_scrub, &dirty, &stamp);
	if (!f)
		return NULL;
	flush_since(stamp);
	if (dirty && !no_scrub)
		scrub_frames(f, order);
	return f;
}

uint64_t frames_free_count(unsigned node)
{
	uint64_t n = sections_closed_frames(node);

	if (node != NODE_ANY)
		return node < mem_nr_nodes() ? n + buddy_free_count(node) : 0;
	for (unsigned i = 0; i < mem_nr_nodes(); i++)
		n += buddy_free_count(i);
	return n;
}

uint64_t frames_total(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ram_all.nr; i++)
		n += ram_all.r[i].end - ram_all.r[i].start;
	return n;
}
