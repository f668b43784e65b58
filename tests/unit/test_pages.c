// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_mem.h domain/pages.c mem/frame.c
/*
 * Story: domains get frames, others map them, they are given back, stolen, claimed, shared from the heap, in any order, and the
 * domains die while frames are still mapped. What would be wrong: a count that drifts from the frames there are, a frame that is
 * freed while mapped or kept when nobody has it, a domain that goes with frames or stays without, memory promised twice.
 *
 * The model: after every step everything is counted anew from the frame table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "domain/domain.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "mem/section.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

#define SECTIONS 3u
#define MFNS (SECTIONS * SECTION_FRAMES)
#define USED 400u		/* frames of each section that the test's allocator has */
#define DOMAINS 3u
#define HEAP_PAGES 6u
#define MAPPINGS 200u

unsigned char *host_ram;
struct frame *host_frames;
const bool anel_debug = true;
struct section section_table[SECTIONS], *sections = section_table;
unsigned nr_sections = SECTIONS;
struct domain *dom_xen, *dom_io;
static struct domain dom[DOMAINS], system_dom;
static bool taken[MFNS];
static uint64_t free_frames;
static struct { struct frame *f; } mapping[MAPPINGS];
static void *heap_page[HEAP_PAGES];
static struct domain *heap_owner[HEAP_PAGES];

/* --- what the file under test needs of the rest --- */

void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}
void *heap_zalloc(size_t n) { return calloc(1, n); }
void heap_free(void *p) { free(p); }
void flush_tlb_mask(const cpumask_t *mask, unsigned flags) { (void)mask; }
bool pcid_on;
void tlb_owe_now(uint64_t *owed) { }
void tlb_owe_since(uint64_t *owed, uint32_t stamp) { }
void m2p_set(mfn_t m, uint64_t gfn) { (void)m; }
bool m2p_back(mfn_t first, uint64_t nr) { return true; }
uint64_t m2p_cost(uint64_t n) { return 0; }
static bool reachable[MFNS];	/* by devices of dom[0] */
void iommu_frame_gone(struct iommu_space *s, mfn_t m)
{
	reachable[m.n] = false;
}
struct domain *domain_of_id(domid_t id) { return id < DOMAINS ? &dom[id] : NULL; }
void domain_put(struct domain *d)
{
	assert_true(atomic_read(&d->refs) > 0);
	atomic_dec(&d->refs);
}
uint64_t frames_free_count(unsigned node) { return free_frames; }
/* The border is within a block. */
#define NODE_1 (SECTION_FRAMES + 101)
unsigned mfn_to_node(mfn_t m) { return m.n >= NODE_1; }
static unsigned largest;	/* order that came back */

struct frame *frames_alloc(unsigned order, unsigned flags)
{
	for (unsigned s = 0; s < SECTIONS; s++)
		for (unsigned m = s * SECTION_FRAMES; m + (1u << order) <= s * SECTION_FRAMES + USED; m += 1u << order) {
			unsigned n = 0;

			while (n < 1u << order && !taken[m + n])
				n++;
			if (n < 1u << order)
				continue;
			memset(&taken[m], true, n);
			free_frames -= n;
			for (unsigned i = 0; i < n; i++)
				host_frames[m + i] = (struct frame){ .count = (uint64_t)DOMID_NONE << FRAME_OWNER_SHIFT };
			return &host_frames[m];
		}
	return NULL;
}

void frames_free(struct frame *f, unsigned order, bool dirty)
{
	assert_int_equal((f - host_frames) & ((1u << order) - 1), 0);
	assert_int_equal(mfn_to_node(frame_mfn(f)), mfn_to_node(frame_mfn(f + (1u << order) - 1)));
	largest = order > largest ? order : largest;
	for (unsigned i = 0; i < 1u << order; i++) {
		assert_true(taken[f + i - host_frames]);
		assert_int_equal(frame_refs(f + i), 0);
		assert_int_equal(frame_owner(f + i), DOMID_NONE);
		assert_false(reachable[f + i - host_frames]);
		taken[f + i - host_frames] = false;
		/* As in the real allocator, the record holds links now. */
		f[i] = (struct frame){ .count = rand() & 0xffffffff, .type = rand() };
	}
	free_frames += 1u << order;
}

/* --- the model --- */

static bool owned(const struct frame *f, const struct domain *d)
{
	return (f->count & FRAME_ALLOCATED) && frame_owner(f) == d->id;
}

static int count_one(struct domain *d, struct frame *f)
{
	assert_true(owned(f, d));
	d->params[0]++;
	return 0;
}

static void check(void)
{
	uint64_t outstanding = 0;

	for (unsigned n = 0; n < DOMAINS; n++) {
		struct domain *d = &dom[n];
		uint64_t normal = 0, heap = 0, cursor = 0;

		for (unsigned s = 0; s < SECTIONS; s++)
			for (unsigned m = s * SECTION_FRAMES; m < s * SECTION_FRAMES + USED; m++)
				if (owned(&host_frames[m], d)) {
					reachable[m] = n == 0 && !(host_frames[m].count & FRAME_XENHEAP);
					assert_true(taken[m] && frame_refs(&host_frames[m]));
					(host_frames[m].count & FRAME_XENHEAP) ? heap++ : normal++;
				}
		assert_int_equal(d->tot_pages, normal);
		assert_int_equal(d->xenheap_pages, heap);
		assert_int_equal(atomic_read(&d->refs), (d->state < DOM_DEAD) + (normal + heap != 0));
		d->params[0] = 0;
		assert_int_equal(domain_for_each_frame(d, &cursor, count_one), 0);
		assert_int_equal(d->params[0], normal + heap);
		assert_true(d->tot_pages + d->outstanding_pages <= d->max_pages || d->state >= DOM_DYING);
		outstanding += d->outstanding_pages;
	}
	assert_int_equal(total_claimed(), outstanding);
}

static struct frame *some_frame(struct domain *d)
{
	for (int tries = 0; tries < 2000; tries++) {
		struct frame *f = &host_frames[rand() % SECTIONS * SECTION_FRAMES + rand() % USED];

		if (owned(f, d))
			return f;
	}
	return NULL;
}

static void do_alloc(struct domain *d)
{
	unsigned order = rand() % 4;
	uint64_t n = 1u << order, tot = d->tot_pages, others = total_claimed() - d->outstanding_pages, avail = free_frames;
	struct frame *f = domain_alloc_frames(d, order, 0);

	if (f) {
		assert_int_equal(d->tot_pages, tot + n);
		assert_true(tot + n <= d->max_pages && d->state < DOM_DYING && avail >= n + others);
	} else {
		assert_int_equal(d->tot_pages, tot);
		assert_int_equal(free_frames, avail);
	}
}

static void do_map(struct domain *d)
{
	struct frame *f = some_frame(d);
	unsigned i = rand() % MAPPINGS;

	if (!f || mapping[i].f)
		return;
	assert_false(frame_get(f, (d->id + 1) % DOMAINS));
	assert_true(frame_get(f, d->id));
	mapping[i].f = f;
}

static void do_unmap(void)
{
	unsigned i = rand() % MAPPINGS;

	if (mapping[i].f)
		frame_put(mapping[i].f);
	mapping[i].f = NULL;
}

static void do_give_back(struct domain *d)
{
	struct frame *f = some_frame(d);
	bool had;

	if (!f || (f->count & FRAME_XENHEAP) || !frame_get(f, d->id))
		return;
	had = f->count & FRAME_DOM_REF;
	assert_int_equal(frame_drop_dom_ref(f), had);
	assert_false(frame_drop_dom_ref(f));
	frame_put(f);
}

static void do_steal(struct domain *d)
{
	struct frame *f = some_frame(d);
	struct domain *to = &dom[rand() % DOMAINS];
	uint64_t refs;
	int rc;

	if (!f)
		return;
	refs = frame_refs(f);
	bool may = refs == 1 && (f->count & FRAME_DOM_REF) && !(f->count & FRAME_XENHEAP);

	assert_int_equal(domain_steal_frame(to == d ? &dom[(d->id + 1) % DOMAINS] : to, f), -EINVAL);
	rc = domain_steal_frame(d, f);
	assert_int_equal(rc == 0, may);
	if (rc) {
		assert_int_equal(frame_refs(f), refs);
		return;
	}
	if (domain_assign_frames(to, f, 0))
		frames_free(f, 0, true);
}

static void do_heap(struct domain *d)
{
	unsigned i = rand() % HEAP_PAGES;
	struct frame *f;

	if (!heap_page[i]) {
		if (d->state >= DOM_DYING || !(f = frames_alloc(0, 0)))
			return;
		heap_page[i] = frame_va(f);
		heap_owner[i] = d;
		share_heap_page(heap_page[i], d, i & 1);
		return;
	}
	f = frame_of(va_to_mfn(heap_page[i]));
	if ((f->count & FRAME_DOM_REF) && frame_refs(f) == 1) {
		unshare_heap_page(heap_page[i]);
		assert_int_equal(frame_owner(f), DOMID_NONE);
	}
	if (frame_owner(f) == DOMID_NONE) {	/* or its owner's death gave it back */
		frames_free(f, 0, true);
		heap_page[i] = NULL;
	}
}

static int drop(struct domain *d, struct frame *f)
{
	frame_drop_dom_ref(f);
	return rand() % 8 ? 0 : -EAGAIN_HYPERCALL;	/* preempted: goes on from there */
}

/* A domain dies as domain_kill has it, and is born again when the last has gone. */
static void do_kill(struct domain *d)
{
	if (d->state == DOM_ALIVE) {
		uint64_t cursor = 0;

		d->state = DOM_DYING;
		assert_int_equal(domain_set_claim(d, 0), 0);
		while (domain_give_back(d, &cursor, drop))
			;
		d->state = DOM_DEAD;
		domain_put(d);
	} else if (!atomic_read(&d->refs)) {
		d->state = DOM_ALIVE;
		d->max_pages = 50 + rand() % 300;
		atomic_set(&d->refs, 1);
	}
}

static void do_claim(struct domain *d)
{
	uint64_t want = rand() % 300, had = d->outstanding_pages, sum = total_claimed();
	int rc = domain_set_claim(d, want);

	if (!want)
		assert_int_equal(rc, 0);
	else if (had || want <= d->tot_pages || want > d->max_pages || d->state >= DOM_DYING)
		assert_int_equal(rc, -EINVAL);
	else if (sum + want - d->tot_pages > free_frames)
		assert_int_equal(rc, -ENOMEM);
	else
		assert_int_equal(d->outstanding_pages, want - d->tot_pages);
}

static void step(void)
{
	struct domain *d = &dom[rand() % DOMAINS];
	unsigned what = rand() % 100;

	if (what < 35)
		do_alloc(d);
	else if (what < 55)
		do_map(d);
	else if (what < 70)
		do_unmap();
	else if (what < 80)
		do_give_back(d);
	else if (what < 88)
		do_steal(d);
	else if (what < 94)
		do_heap(d);
	else if (what < 99)
		do_claim(d);
	else if (rand() % 4 == 0)
		do_kill(d);
}

static void any_order(void **state)
{
	for (int i = 0; i < 6000; i++) {
		step();
		if (i % 7 == 0)
			check();
	}
	/* The end of all: nothing may be left. */
	for (unsigned n = 0; n < DOMAINS; n++)
		if (dom[n].state == DOM_ALIVE)
			do_kill(&dom[n]);
	check();
	for (unsigned i = 0; i < MAPPINGS; i++)
		if (mapping[i].f)
			frame_put(mapping[i].f);
	check();
	for (unsigned n = 0; n < DOMAINS; n++) {
		assert_int_equal(atomic_read(&dom[n].refs), 0);
		assert_int_equal(dom[n].tot_pages + dom[n].xenheap_pages, 0);
	}
	for (unsigned i = 0; i < HEAP_PAGES; i++)
		if (heap_page[i])
			frames_free(frame_of(va_to_mfn(heap_page[i])), 0, true);
	assert_int_equal(free_frames, SECTIONS * USED);
	assert_true(largest >= 3);
}

static int fresh(void **state)
{
	host_ram = mmap(NULL, HOST_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	host_frames = calloc(MFNS, sizeof(struct frame));
	max_mfn = MFNS;
	free_frames = SECTIONS * USED;
	frame_release_hook = domain_frame_released;
	dom_xen = dom_io = &system_dom;
	for (unsigned s = 0; s < SECTIONS; s++)
		section_table[s].state = SECTION_OPEN;
	for (unsigned n = 0; n < DOMAINS; n++) {
		dom[n] = (struct domain){ .id = n, .state = DOM_ALIVE, .max_pages = 200 + 100 * n };
		dom[n].iommu = n ? NULL : (struct iommu_space *)&reachable;
		atomic_set(&dom[n].refs, 1);
		assert_int_equal(domain_pages_create(&dom[n]), 0);
	}
	return 0;
}

static int done(void **state)
{
	for (unsigned n = 0; n < DOMAINS; n++)
		domain_pages_destroy(&dom[n]);
	free(host_frames);
	return munmap(host_ram, HOST_RAM_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
	};

	return cmocka_run_group_tests(tests, fresh, done);
}
