// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_mem.h mem/alloc.c mem/buddy.c mem/section.c mem/ram.c mem/scrub.c mem/frame.c mem/heap.c lib/string.c lib/bitmap.c
/*
 * Story: frames are allocated and freed in all sizes, from two nodes, with and without address limits, while CPUs scrub. What would
 * be wrong: a frame handed out twice, a frame with another's contents, a limit not kept, memory that gets lost, pieces that
 * never become whole again. The machine has holes, a low node, a high node, and a section that only a larger host can open.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "boot/boot.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mem/buddy.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "mem/map.h"
#include "mem/section.h"
#include "x86/acpi.h"
#include "x86/cpu.h"

#define MIB 256ull	/* frames */
#define MFNS (HOST_RAM_SIZE >> PAGE_SHIFT)

unsigned char *host_ram;
struct frame *host_frames;
const bool anel_debug = true;
struct acpi_info acpi;
struct cpu_topology cpu_topology[NR_CPUS];
cpumask_t cpu_online_map = { { 1 } };
static bool l1_there[MFNS >> 17];
static unsigned long out[MFNS / 64];	/* handed out by the allocator */
static uint32_t clock_now = 1000;
static unsigned flushes;

void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}
static uint32_t flushed_at;
uint32_t tlb_clock(void) { return clock_now++; }
void tlb_filter(cpumask_t *mask, uint32_t stamp)
{
	assert_true(stamp && stamp < clock_now);
	if (flushed_at > stamp)
		mask->bits[0] = 0;
}
/* What a stale TLB entry of a frame's last owner can still write, until the flush. */
static uint64_t *stale_entry;
void flush_tlb_mask(const cpumask_t *mask, unsigned flags)
{
	if (stale_entry)
		*stale_entry = 0xbad;
	stale_entry = NULL;
	flushed_at = clock_now;
	flushes++;
}
bool pcid_on;
void tlb_owe_now(uint64_t *owed) { }
void tlb_owe_since(uint64_t *owed, uint32_t stamp) { }
uint64_t tlb_owed_by_all;
void m2p_open(uint64_t mfn) { (void)mfn; }

/* Tables of the frame table's mapping: as in mem/map.c, one for 2 MiB of records, made of the spare frame. */
uint64_t *map_pte(uint64_t va, void **spare)
{
	static uint64_t entry;
	uint64_t i = (va - (uint64_t)host_frames) >> 21;

	if (!l1_there[i]) {
		assert_non_null(*spare);
		for (unsigned k = 0; k < PAGE_SIZE; k++)
			assert_int_equal(((unsigned char *)*spare)[k], 0);
		*spare = NULL;
		l1_there[i] = true;
	}
	return &entry;
}

static void *early(size_t size) { return calloc(1, size); }

static struct boot_info b;

static void ram(uint64_t start, uint64_t size)
{
	b.mem[b.nr_mem++] = (struct boot_mem){ start << PAGE_SHIFT, size << PAGE_SHIFT, 1, 0 };
}

static uint64_t first_free;

static int machine(void **state)
{
	host_ram = mmap(NULL, HOST_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	host_frames = mmap(NULL, MFNS * sizeof(struct frame), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(host_ram != MAP_FAILED && host_frames != MAP_FAILED);
	ram(0, 60 * MIB);		/* section 0, two pieces */
	ram(64 * MIB, 8 * MIB);
	ram(512 * MIB, 1);		/* too little to be worth a section */
	ram(1152 * MIB, 256 * MIB);	/* two whole sections that are a pair */
	ram(8192 * MIB + 32 * MIB, 64 * MIB);	/* node 1, above 4 GiB */
	acpi.nr_nodes = 2;
	acpi.nr_mem_affinity = 2;
	acpi.mem[0].end = 4ull << 30;
	acpi.mem[1].start = 4ull << 30;
	acpi.mem[1].end = 16ull << 30;
	acpi.mem[1].node = 1;
	assert_true(ram_init(&b, MFNS));
	ram_reserve(2 * MIB, 4 * MIB);	/* the image */
	max_mfn = ram_all.r[ram_all.nr - 1].end;
	buddy_init(early);
	sections_init(calloc(MFNS >> SECTION_SHIFT, sizeof(struct section)), MFNS >> SECTION_SHIFT);
	first_free = frames_free_count(NODE_ANY);
	return 0;
}

/* Frames of boot-time memory hold anything; only what is zeroed may be seen. */
static void take(struct frame *f, unsigned order, bool zeroed)
{
	uint64_t m = frame_mfn(f).n;

	assert_true(!(m & ((1ull << order) - 1)));
	for (uint64_t i = m; i < m + (1ull << order); i++) {
		uint64_t *p = mfn_to_va(MFN(i));

		assert_true(mfn_valid(MFN(i)));
		assert_true(mem_range_is_ram(i << PAGE_SHIFT, (i << PAGE_SHIFT) + 1));
		assert_false(i >= 2 * MIB && i < 4 * MIB);
		assert_false(test_and_set_bit(i, out));
		assert_int_equal(host_frames[i].count & (FRAME_ALLOCATED | FRAME_REF_MASK | FRAME_FREE | FRAME_IO), 0);
		if (zeroed) {
			assert_int_equal(p[0], 0);
			assert_int_equal(p[511], 0);
		}
		p[0] = p[511] = i | 1ull << 63;
	}
}

static void give(struct frame *f, unsigned order)
{
	uint64_t m = frame_mfn(f).n;

	for (uint64_t i = m; i < m + (1ull << order); i++) {
		assert_int_equal(((uint64_t *)mfn_to_va(MFN(i)))[0], i | 1ull << 63);
		assert_true(test_and_clear_bit(i, out));
	}
	frames_free(f, order, true);
}

#define HELD 600
static struct { struct frame *f; unsigned order; } held[HELD];

static void drop_all(void)
{
	for (unsigned k = 0; k < HELD; k++) {
		if (held[k].f)
			give(held[k].f, held[k].order);
		held[k].f = NULL;
	}
}

static uint64_t held_frames(void)
{
	uint64_t n = 0;

	for (unsigned k = 0; k < HELD; k++)
		n += held[k].f ? 1ull << held[k].order : 0;
	return n;
}

static void try_one(unsigned k)
{
	unsigned order = rand() % 4 ? rand() % 4 : rand() % 12, node = rand() % 3 ? NODE_ANY : rand() % 2u, bits = 0;
	unsigned flags = ALLOC_NODE(node);
	bool no_scrub = rand() % 2, exact = rand() % 2 && node != NODE_ANY;
	struct frame *f;

	if (rand() % 8 == 0) {
		bits = 20 + rand() % 16;
		flags |= ALLOC_MAX_BITS(bits);
	}
	flags |= (exact ? ALLOC_EXACT : 0) | (no_scrub ? ALLOC_NO_SCRUB : 0);
	f = frames_alloc(order, flags);
	if (!f)
		return;
	take(f, order, !no_scrub);
	assert_true(!exact || mfn_to_node(frame_mfn(f)) == node);
	assert_true(!bits || (frame_mfn(f).n + (1ull << order)) << PAGE_SHIFT <= 1ull << bits);
	held[k].f = f;
	held[k].order = order;
}

static void churn(void)
{
	for (int i = 0; i < 60000; i++) {
		unsigned k = rand() % HELD;

		clock_now += rand() % 3;
		if (held[k].f) {
			give(held[k].f, held[k].order);
			held[k].f = NULL;
		} else {
			try_one(k);
		}
		if (rand() % 16 == 0)
			scrub_some();
		if (rand() % 4096 == 0)
			drop_all();
	}
	assert_true(flushes);
}

static void random_use(void **state)
{
	churn();
	/* Opening may have cost a page table less than was reckoned, never more. */
	assert_true(frames_free_count(NODE_ANY) + held_frames() >= first_free);
	assert_true(frames_free_count(NODE_ANY) + held_frames() <= first_free + 8);
	drop_all();
}

/* Frames taken out of the middle of blocks are handed out no more until they come back; those in use stay. */
static void offline(void **state)
{
	static uint64_t gone[2000];
	uint64_t free = frames_free_count(NODE_ANY);
	struct frame *mine = frames_alloc(3, ALLOC_NO_SCRUB);
	unsigned n = 0;

	take(mine, 3, false);
	assert_int_equal(frame_offline(frame_mfn(mine + 5)), -EBUSY);
	assert_int_equal(frame_online(frame_mfn(mine + 5)), -EINVAL);
	for (uint64_t m = 0; m < MFNS && n < ARRAY_SIZE(gone); m += 1 + rand() % 40) {
		if (!mfn_valid(MFN(m)) || (host_frames[m].count & FRAME_IO) || frame_offline(MFN(m)))
			continue;
		assert_false(test_and_set_bit(m, out));
		gone[n++] = m;
	}
	assert_true(n > 500);
	assert_in_range(frames_free_count(NODE_ANY), free - 8 - n - 8, free - 8 - n);
	churn();
	drop_all();
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(frame_offline(MFN(gone[i])), -EBUSY);
		assert_true(test_and_clear_bit(gone[i], out));
		assert_int_equal(frame_online(MFN(gone[i])), 0);
		assert_int_equal(frame_online(MFN(gone[i])), -EINVAL);
	}
	give(mine, 3);
	assert_true(frames_free_count(NODE_ANY) >= free);
}

/* A guest need not flush: it may write to what it has given back until the host does, which must not be after the scrubbing. */
static void stale_writer(void **state)
{
	static struct frame *all[2000];
	struct frame *f, *others[ASIDE_MAX];
	unsigned n = 0;
	bool met = false;

	while (scrub_some())
		;
	for (unsigned i = 0; i < ASIDE_MAX; i++) {
		others[i] = frames_alloc(0, ALLOC_NODE(0));
		take(others[i], 0, true);
	}
	f = frames_alloc(0, ALLOC_NODE(0));
	take(f, 0, true);
	clock_now++;
	give(f, 0);
	stale_entry = frame_va(f);
	for (unsigned i = 0; i < ASIDE_MAX; i++)
		give(others[i], 0);
	while (scrub_some())
		;
	while (n < ARRAY_SIZE(all) && !met) {
		all[n] = frames_alloc(0, ALLOC_NODE(0));
		assert_non_null(all[n]);
		take(all[n], 0, true);
		met = all[n++] == f;
	}
	assert_true(met && !stale_entry);
	while (n--)
		give(all[n], 0);
}

/* One frame to and fro, or a few: all CPUs are interrupted once for many, and what is set aside is free memory. */
static void few_flushes(void **state)
{
	uint64_t free = frames_free_count(0);
	unsigned before = flushes;

	for (unsigned i = 0; i < 100 * ASIDE_MAX; i++) {
		struct frame *f = frames_alloc(0, ALLOC_NODE(0) | (i % 2 ? ALLOC_NO_SCRUB : 0));

		take(f, 0, !(i % 2));
		assert_int_equal(frames_free_count(0), free - 1);
		give(f, 0);
		assert_int_equal(frames_free_count(0), free);
	}
	assert_in_range(flushes - before, 1, 110);
}

static void closed_is_counted(void **state)
{
	assert_int_equal(frames_total(), (60 - 1 + 8 + 256 + 64) * MIB + 1);
	assert_true(first_free >= (60 - 1 - 2 + 8 + 256 + 64) * MIB - 4 * SECTION_COST);
	assert_int_equal(frames_free_count(7), 0);
	assert_false(mfn_valid(MFN(~0ull)) || mfn_valid(MFN(MFNS)) || mfn_valid(MFN(1ull << 40)));
}

static void large_blocks(void **state)
{
	struct frame *f;

	while (scrub_some())
		;
	/* A section's worth: its records cannot lie in itself. */
	f = frames_alloc(15, ALLOC_NODE(0) | ALLOC_EXACT);
	assert_non_null(f);
	take(f, 15, true);
	give(f, 15);
	f = frames_alloc(14, ALLOC_NODE(0) | ALLOC_EXACT | ALLOC_NO_SCRUB);
	assert_non_null(f);
	take(f, 14, false);
	give(f, 14);
	assert_null(frames_alloc(MAX_ORDER, 0));
	assert_null(frames_alloc(MAX_ORDER + 1, 0));
	assert_null(frames_alloc(0, ALLOC_MAX_BITS(12)));
}

static void all_of_it(void **state)
{
	static struct frame *all[140000];
	uint64_t n = 0, free;

	free = frames_free_count(NODE_ANY);
	while (n < 140000 && (all[n] = frames_alloc(0, ALLOC_NODE(NODE_ANY) | ALLOC_NO_SCRUB)))
		take(all[n++], 0, false);
	assert_true(n >= free && n <= free + 8);
	assert_int_equal(frames_free_count(NODE_ANY), 0);
	assert_null(heap_zalloc(100000));
	assert_null(frames_alloc(3, 0));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = i + rand() % (n - i);
		struct frame *f = all[k];

		all[k] = all[i];
		give(f, 0);
	}
	assert_int_equal(frames_free_count(NODE_ANY), n);
	/* What was freed singly and in disorder is whole again, scrubbed or not. */
	for (int round = 0; round < 2; round++) {
		struct frame *f = frames_alloc(12, ALLOC_NODE(1) | ALLOC_EXACT);

		assert_non_null(f);
		take(f, 12, true);
		give(f, 12);
		while (scrub_some())
			;
		assert_int_equal(buddy_dirty_count(0) + buddy_dirty_count(1), 0);
	}
}

static void heap_objects(void **state)
{
	static unsigned char *p[512];
	static size_t size[512];
	uint64_t before = frames_free_count(NODE_ANY);

	for (int i = 0; i < 60000; i++) {
		unsigned k = rand() % 512;

		if (p[k]) {
			for (size_t j = 0; j < size[k]; j++)
				assert_int_equal(p[k][j], (unsigned char)k);
			heap_free(p[k]);
			p[k] = NULL;
			continue;
		}
		size[k] = 1 + rand() % (rand() % 16 ? 600 : 20000);
		p[k] = heap_zalloc(size[k]);
		assert_non_null(p[k]);
		assert_int_equal((uintptr_t)p[k] % (size[k] >= 4096 ? 4096 : size[k] >= 64 ? 64 : 16), 0);
		for (size_t j = 0; j < size[k]; j++)
			assert_int_equal(p[k][j], 0);
		memset(p[k], k, size[k]);
	}
	for (unsigned k = 0; k < 512; k++)
		heap_free(p[k]);
	heap_free(NULL);
	assert_null(heap_alloc(1ul << 45));
	assert_true(frames_free_count(NODE_ANY) + 32 >= before);	/* a page or two a class may stay */
}

static void references(void **state)
{
	struct frame *f = frames_alloc(0, 0);
	domid_t owner;

	assert_false(frame_get(f, DOMID_NONE));
	assert_false(frame_get_any(f, &owner));
	frame_set_owner(f, 5);
	assert_true(frame_get(f, 5));
	assert_false(frame_get(f, 6));
	assert_true(frame_get_any(f, &owner));
	assert_int_equal(owner, 5);
	assert_int_equal(frame_refs(f), 3);
	frame_put(f);
	frame_ref(f);
	assert_int_equal(frame_refs(f), 3);
	f->count |= FRAME_REF_MASK;
	assert_false(frame_get(f, 5));		/* full: refused, not wrapped */
	f->count &= ~FRAME_REF_MASK;
	assert_false(frame_get(f, 5));		/* going */
	frames_free(f, 0, true);
	assert_false(frame_get_any(f, &owner));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_is_counted), cmocka_unit_test(large_blocks), cmocka_unit_test(random_use),
		cmocka_unit_test(offline), cmocka_unit_test(stale_writer), cmocka_unit_test(few_flushes),
		cmocka_unit_test(all_of_it), cmocka_unit_test(heap_objects), cmocka_unit_test(references),
	};

	return cmocka_run_group_tests(tests, machine, NULL);
}
