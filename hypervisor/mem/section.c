/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/section.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/buddy.h"
#include "mem/m2p.h"
#include "mem/map.h"
#include "x86/acpi.h"

#define FULL_SECTION SECTION_FRAMES
#define SECTION_ORDER SECTION_SHIFT
#define TABLE_ORDER 7	/* SECTION_TABLE_FRAMES */

/* Memory that opening one section needs, and what of it was used. */
struct host { struct frame *table, *pt; };

struct section *sections;
unsigned nr_sections;
static DEFINE_SPINLOCK(section_lock);
/* section_lock: */
static uint64_t closed_frames[MAX_NUMNODES];
static uint16_t closed_in_zone[MAX_NUMNODES][NR_ZONES];

BUILD_ASSERT(SECTION_TABLE_FRAMES == 1ul << TABLE_ORDER);
BUILD_ASSERT(FULL_SECTION <= UINT16_MAX);

static uint64_t first_frame(unsigned s) { return (uint64_t)s << SECTION_SHIFT; }
static unsigned section_zone(unsigned s) { return zone_of(first_frame(s) + SECTION_FRAMES - 1); }

static uint64_t usable_in(unsigned s)
{
	uint64_t n = 0, at = first_frame(s), end = at + SECTION_FRAMES;
	struct ram_range r;

	for (; ram_next(&ram_usable, at, end, &r); at = r.end)
		n += r.end - r.start;
	return n;
}

/* What a closed section adds to the count of free frames */
static uint64_t worth(unsigned s)
{
	return sections[s].usable > SECTION_COST ? sections[s].usable - SECTION_COST : 0;
}

static unsigned node_of_range(uint64_t mfn)
{
	for (unsigned i = 0; i < acpi.nr_mem_affinity; i++)
		if (mfn >= PFN_DOWN(acpi.mem[i].start) && mfn < PFN_UP(acpi.mem[i].end) && acpi.mem[i].node < mem_nr_nodes())
			return acpi.mem[i].node;
	return 0;
}

unsigned mem_nr_nodes(void)
{
	return acpi.nr_nodes ? MIN(acpi.nr_nodes, MAX_NUMNODES) : 1;
}

unsigned mfn_to_node(mfn_t m)
{
	return (m.n >> SECTION_SHIFT) < nr_sections ? sections[m.n >> SECTION_SHIFT].node : 0;
}

void sections_init(struct section *table, unsigned nr)
{
	sections = table;
	nr_sections = nr;
	for (unsigned s = 0; s < nr; s++) {
		struct section *x = &sections[s];
		struct ram_range r;

		if (!ram_next(&ram_all, first_frame(s), first_frame(s) + SECTION_FRAMES, &r))
			continue;
		/* A section that spans two nodes counts to the one of its first frame. */
		x->node = node_of_range(r.start);
		x->usable = usable_in(s);
		x->state = SECTION_CLOSED;
		closed_frames[x->node] += worth(s);
		if (worth(s))
			closed_in_zone[x->node][section_zone(s)]++;
	}
}

/* Memory for the table out of the section itself: its lowest run that is long enough. */
static bool carve(unsigned s, uint64_t *table, uint64_t *pt)
{
	uint64_t at = first_frame(s), end = at + SECTION_FRAMES;
	struct ram_range r;

	for (; ram_next(&ram_usable, at, end, &r); at = r.end)
		if (r.end - r.start >= SECTION_COST) {
			*table = r.start;
			*pt = r.start + SECTION_TABLE_FRAMES;
			return true;
		}
	return false;
}

/* Maps the table, which lies at 'table'; true if the page table at 'pt' was used. Frame records of 4 sections share one. */
static bool map_records(unsigned s, uint64_t table, uint64_t pt)
{
	uint64_t va = (uint64_t)(frame_table + first_frame(s));
	void *spare = mfn_to_va(MFN(pt));

	memset(spare, 0, PAGE_SIZE);
	for (uint64_t i = 0; i < SECTION_TABLE_FRAMES; i++)
		WRITE_ONCE(*map_pte(va + i * PAGE_SIZE, &spare), pte_make(MFN(table + i), MAP_RW));
	return !spare;
}

static void init_records(unsigned s)
{
	uint64_t at = first_frame(s), end = at + SECTION_FRAMES;
	struct ram_range r;

	for (uint64_t m = at; m < end; m++)
		frame_table[m] = (struct frame){ .count = FRAME_IO | FRAME_UNUSED };
	for (; ram_next(&ram_all, at, end, &r); at = r.end)
		for (uint64_t m = r.start; m < r.end; m++)
			frame_table[m].count = FRAME_UNUSED;
}

/* section_lock held; s is closed. host: NULL, or memory from elsewhere. */
static bool open_section(unsigned s, struct host *host)
{
	uint64_t table, pt, at = first_frame(s), end = at + SECTION_FRAMES;
	struct ram_range r;

	if (host) {
		table = frame_mfn(host->table).n;
		pt = frame_mfn(host->pt).n;
	} else if (!carve(s, &table, &pt)) {
		return false;
	}
	if (map_records(s, table, pt)) {
		if (host)
			host->pt = NULL;
		else
			ram_reserve(pt, pt + 1);
	}
	if (host)
		host->table = NULL;
	else
		ram_reserve(table, table + SECTION_TABLE_FRAMES);
	init_records(s);
	m2p_open(first_frame(s));
	closed_frames[sections[s].node] -= worth(s);
	if (worth(s))
		closed_in_zone[sections[s].node][section_zone(s)]--;
	__atomic_store_n(&sections[s].state, SECTION_OPEN, __ATOMIC_RELEASE);
	while (ram_next(&ram_usable, at, end, &r)) {
		ram_reserve(r.start, r.end);
		buddy_add_range(r.start, r.end);
		at = r.end;
	}
	return true;
}

static bool get_host(struct host *h, unsigned node)
{
	h->table = frames_alloc(TABLE_ORDER, ALLOC_NODE(node) | ALLOC_NO_SCRUB);
	h->pt = h->table ? frames_alloc(0, ALLOC_NODE(node)) : NULL;
	return h->pt;
}

static void put_host(struct host *h)
{
	if (h->table)
		frames_free(h->table, TABLE_ORDER, true);
	if (h->pt)
		frames_free(h->pt, 0, true);
}

bool section_open_at(mfn_t m)
{
	unsigned s = m.n >> SECTION_SHIFT;
	struct host host = { 0 };
	bool ok = true;

	if (s >= nr_sections || sections[s].state == SECTION_EMPTY)
		return false;
	spin_lock(&section_lock);
	if (sections[s].state == SECTION_CLOSED)
		ok = open_section(s, NULL);
	spin_unlock(&section_lock);
	if (ok)
		return true;
	if (get_host(&host, sections[s].node)) {
		spin_lock(&section_lock);
		ok = sections[s].state == SECTION_OPEN || open_section(s, &host);
		spin_unlock(&section_lock);
	}
	put_host(&host);
	return ok;
}

/* The highest closed section of the zone that can pay for itself. section_lock held. */
static bool open_one(unsigned node, unsigned zone)
{
	for (unsigned s = nr_sections; s-- > 0;) {
		if (sections[s].state != SECTION_CLOSED || sections[s].node != node || section_zone(s) != zone || !worth(s))
			continue;
		if (open_section(s, NULL))
			return true;
		closed_in_zone[node][zone]--;	/* too scattered to be of use */
		closed_frames[node] -= worth(s);
		sections[s].usable = 0;
	}
	return false;
}

/* All of [s, s + n) closed, whole and of one node */
static bool is_whole_run(unsigned s, unsigned n, unsigned node)
{
	for (unsigned i = s; i < s + n; i++)
		if (i >= nr_sections || sections[i].state != SECTION_CLOSED || sections[i].node != node ||
		    sections[i].usable != FULL_SECTION)
			return false;
	return true;
}

/* A block as large as a section or larger: its records must lie elsewhere. */
static bool open_run(unsigned node, unsigned zone, unsigned order)
{
	unsigned n = 1u << (order - SECTION_ORDER), done = 0;

	for (unsigned s = nr_sections & ~(n - 1); ; s -= n) {
		struct host host = { 0 };

		if (section_zone(s) == zone && is_whole_run(s, n, node)) {
			for (done = 0; done < n && get_host(&host, node); done++) {
				bool ok = true;

				spin_lock(&section_lock);
				if (sections[s + done].state == SECTION_CLOSED && sections[s + done].usable == FULL_SECTION)
					ok = open_section(s + done, &host);
				spin_unlock(&section_lock);
				put_host(&host);
				host = (struct host){ 0 };
				if (!ok)
					break;
			}
			put_host(&host);
			return done != 0;
		}
		if (!s)
			return false;
	}
}

bool section_open_for(unsigned node, unsigned zone, unsigned order)
{
	bool ok;

	if (order >= SECTION_ORDER)
		return open_run(node, zone, order);
	spin_lock(&section_lock);
	ok = open_one(node, zone);
	spin_unlock(&section_lock);
	return ok;
}

bool zone_has_closed(unsigned node, unsigned zone)
{
	return READ_ONCE(closed_in_zone[node][zone]) != 0;
}

uint64_t sections_closed_frames(unsigned node)
{
	uint64_t n = 0;

	if (node != NODE_ANY)
		return node < MAX_NUMNODES ? READ_ONCE(closed_frames[node]) : 0;
	for (unsigned i = 0; i < mem_nr_nodes(); i++)
		n += READ_ONCE(closed_frames[i]);
	return n;
}

void section_give_back(uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned s = start >> SECTION_SHIFT;
		uint64_t to = MIN(end, first_frame(s + 1));

		spin_lock(&section_lock);
		if (s < nr_sections && sections[s].state == SECTION_CLOSED) {
			closed_frames[sections[s].node] -= worth(s);
			closed_in_zone[sections[s].node][section_zone(s)] -= worth(s) != 0;
			for (struct ram_range r; ram_next(&ram_all, start, to, &r); start = r.end)
				ram_give_back(r.start, r.end);
			sections[s].usable = usable_in(s);
			closed_frames[sections[s].node] += worth(s);
			closed_in_zone[sections[s].node][section_zone(s)] += worth(s) != 0;
			start = to;
		}
		spin_unlock(&section_lock);
		for (; start < to; start++)
			if (mfn_valid(MFN(start)) && !(frame_of(MFN(start))->count & FRAME_ALLOCATED))
				frames_free(frame_of(MFN(start)), 0, true);
	}
}

bool mem_range_is_ram(paddr_t start, paddr_t end)
{
	struct ram_range r;

	return end > start && ram_next(&ram_all, PFN_DOWN(start), PFN_UP(end), &r);
}
