// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_mem.h mem/m2p.c mem/ram.c lib/string.c
/*
 * Story: domains get frames here and there, in small and large pieces, and memory runs out in between. What would be wrong: an
 * entry that the hypervisor writes and guests do not see, a page made twice or lost, a page that guests are promised before TLBs
 * have forgotten what was there, a name that means another page, a cost that is too low.
 *
 * What guests see is read as a CPU would: by the entries of level 2 that map_entry_set was given. A TLB remembers what was
 * seen until it is flushed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "boot/boot.h"
#include "lib/panic.h"
#include "mem/m2p.h"
#include "mem/map.h"
#include "mem/ram.h"
#include "mem/section.h"
#include "x86/cpu.h"

#define MFNS (HOST_RAM_SIZE >> PAGE_SHIFT)
#define GIB (1ull << M2P_PIECE_SHIFT)
#define PIECES (MFNS / GIB)
#define POOL 0x200ull	/* where frames_alloc takes from */

unsigned char *host_ram;
struct frame *host_frames;
const bool anel_debug = true;
cpumask_t cpu_online_map;
struct section section_table[MFNS >> SECTION_SHIFT], *sections = section_table;
unsigned nr_sections = MFNS >> SECTION_SHIFT;
bool pcid_on;
uint64_t tlb_owed_by_all;
static uint64_t l2[PIECES], taken;
static long room = 1 << 20;	/* frames left */
static mfn_t tlb[MFNS >> M2P_PAGE_SHIFT];

void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...) { abort(); }
uint32_t tlb_clock(void) { return 1; }
void flush_since(uint32_t stamp) { memset(tlb, 0, sizeof(tlb)); }
unsigned mfn_to_node(mfn_t m) { return 0; }
void *map_early_zalloc(size_t size) { return calloc(1, size); }
void map_table_for(uint64_t va, bool user) { assert_true(user); }
void map_entry_set(uint64_t va, uint64_t e) { l2[(va - M2P_VIRT_START) >> 21] = e; }

/* The image's own pages have a frame each. */
paddr_t image_to_pa(const void *sym)
{
	static const void *seen[2];
	unsigned i = seen[0] && seen[0] != sym;

	seen[i] = sym;
	memcpy(host_ram + PAGE_SIZE * (16 + i), sym, PAGE_SIZE);
	return PAGE_SIZE * (16 + i);
}

struct frame *frames_alloc(unsigned order, unsigned flags)
{
	uint64_t at = ROUNDUP(taken, 1ull << order);

	if (room < 1l << order)
		return NULL;
	room -= 1l << order;
	taken = at + (1ull << order);
	assert_true(taken < GIB);
	memset(mfn_to_va(MFN(POOL + at)), 0x5a, PAGE_SIZE << order);
	return frame_of(MFN(POOL + at));
}
void frames_free(struct frame *f, unsigned order, bool dirty) { room += 1l << order; }

/* What a guest reads of the M2P; *there: is anything mapped? The TLB has only what was looked at. */
static uint64_t seen(uint64_t mfn, bool *there)
{
	uint64_t e = l2[mfn / GIB];
	mfn_t *t = &tlb[mfn >> M2P_PAGE_SHIFT];

	*there = e & PTE_P;
	if (!*there)
		return 0;
	if (!t->n) {
		if (e & PTE_PS) {
			*t = MFN(pte_mfn(e).n + (mfn >> M2P_PAGE_SHIFT) % 512);
		} else {
			e = ((uint64_t *)mfn_to_va(pte_mfn(e)))[(mfn >> M2P_PAGE_SHIFT) % 512];
			*t = pte_mfn(e);
		}
		assert_true(e & PTE_P && e & PTE_U && e & PTE_NX);
		assert_false(e & (PTE_W | PTE_G));
	}
	return ((uint64_t *)mfn_to_va(*t))[mfn % 512];
}

static int machine(void **state)
{
	static struct boot_info b;

	host_ram = mmap(NULL, HOST_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	host_frames = mmap(NULL, MFNS * sizeof(struct frame), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(host_ram != MAP_FAILED && host_frames != MAP_FAILED);
	b.mem[b.nr_mem++] = (struct boot_mem){ 0, 3 * GIB << PAGE_SHIFT, 1, 0 };
	/* Two ranges in one page's 2 MiB, which count once */
	b.mem[b.nr_mem++] = (struct boot_mem){ 4 * GIB << PAGE_SHIFT, 100 << PAGE_SHIFT, 1, 0 };
	b.mem[b.nr_mem++] = (struct boot_mem){ (4 * GIB + 200) << PAGE_SHIFT, 100 << PAGE_SHIFT, 1, 0 };
	assert_true(ram_init(&b, MFNS));
	max_mfn = ram_all.r[ram_all.nr - 1].end;
	m2p_init();
	return 0;
}

uint64_t max_mfn;

static void before(void **state)
{
	bool there;

	assert_int_equal(m2p_cost(~0ull / 2), 3 * 512 + 1);
	assert_int_equal(m2p_cost(1000), 3);
	seen(5, &there);
	assert_false(there);
	m2p_open(5);
	assert_int_equal(seen(5, &there), M2P_INVALID);
	assert_true(there);
	m2p_set(MFN(5), M2P_INVALID);	/* nothing to be done */
	assert_true(mfn_is_invalid(m2p_piece(3)));
	assert_true(mfn_is_invalid(m2p_piece(5)));
	for (unsigned i = 0; i < 3; i++)
		m2p_open(i * GIB);
	m2p_open(4 * GIB);
}

static void pages(void **state)
{
	bool there;
	long had = room;

	assert_int_equal(seen(GIB + 1023, &there), M2P_INVALID);
	assert_true(m2p_back(MFN(GIB + 1000), 50));	/* over a page's end */
	assert_int_equal(had - room, 3);		/* two, and a table */
	m2p_set(MFN(GIB + 1023), 7);
	m2p_set(MFN(GIB + 1024), 8);
	assert_int_equal(seen(GIB + 1023, &there), 7);
	assert_int_equal(seen(GIB + 1024, &there), 8);
	assert_int_equal(seen(GIB + 1025, &there), M2P_INVALID);
	assert_true(m2p_back(MFN(GIB + 1000), 24));
	assert_int_equal(had - room, 3);
	assert_int_equal(m2p_cost(~0ull / 2), 3 * 512 - 1);
	assert_int_equal(seen(1023, &there), M2P_INVALID);	/* not the other piece's */
}

static void large(void **state)
{
	bool there;
	long had = room;

	assert_int_equal(seen(2 * GIB + 9, &there), M2P_INVALID);
	assert_true(m2p_back(MFN(2 * GIB), GIB / 2));
	assert_int_equal(had - room, 512);
	assert_int_equal(m2p_cost(~0ull / 2), 2 * 512 - 1);
	m2p_set(MFN(2 * GIB + 9), 1);
	m2p_set(MFN(3 * GIB - 1), 2);
	assert_int_equal(seen(2 * GIB + 9, &there), 1);
	assert_int_equal(seen(3 * GIB - 1, &there), 2);
	/* Where pages are, the rest comes by pages. */
	had = room;
	assert_true(m2p_back(MFN(GIB), GIB));
	assert_int_equal(had - room, 510);
	assert_int_equal(seen(GIB + 1023, &there), 7);
}

static void no_memory(void **state)
{
	long had = room;
	bool there;

	room = 1;	/* a page, but no table */
	assert_false(m2p_back(MFN(100), 1));
	assert_int_equal(room, 1);
	room = 3;
	assert_false(m2p_back(MFN(0), 2048));
	room = 0;
	assert_true(m2p_back(MFN(0), 1024));	/* what there was */
	assert_false(m2p_back(MFN(0), 1025));
	assert_int_equal(seen(1024, &there), M2P_INVALID);
	assert_false(mfn_is_invalid(m2p_named(MFN(M2P_NAME + 1))));
	room = had;
	assert_true(m2p_back(MFN(0), 2048));
}

static void names(void **state)
{
	mfn_t m;

	assert_int_equal(m2p_piece(2).n, M2P_NAME + 1024);
	m = m2p_named(MFN(m2p_piece(2).n + 511));
	/* A tool maps it all while much is closed, and must see what comes there later. */
	sections[(3 * GIB - 1) >> SECTION_SHIFT].state = SECTION_OPEN;
	assert_int_equal(m2p_named(MFN(m2p_piece(2).n + 511)).n, m.n);
	assert_int_equal(((uint64_t *)mfn_to_va(m))[511], 2);
	/* An open one that nobody has had gets its page, so that what comes later is seen. */
	sections[0].state = SECTION_OPEN;
	m = m2p_named(MFN(M2P_NAME + 40));
	assert_true(m2p_back(MFN(40 * 512), 1));
	m2p_set(MFN(40 * 512), 77);
	assert_int_equal(((uint64_t *)mfn_to_va(m))[0], 77);
	assert_true(mfn_is_invalid(m2p_named(MFN(M2P_NAME - 1))));
	assert_true(mfn_is_invalid(m2p_named(MFN(M2P_NAME + 3 * 512))));
	assert_true(mfn_is_invalid(m2p_named(MFN(M2P_NAME + PIECES * 512))));
	assert_true(mfn_is_invalid(m2p_named(INVALID_MFN)));
}

/* Random frames become domains': whatever was written is what is seen. */
static void at_random(void **state)
{
	static uint64_t model[4 * GIB + 300];
	bool there;

	for (uint64_t m = 0; m < ARRAY_SIZE(model); m++)
		model[m] = ram_all.nr && (m < 3 * GIB) ? seen(m, &there) : M2P_INVALID;
	srandom(1);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t m = random() % 8 ? random() % (3 * GIB) : 4 * GIB + random() % 100;
		uint64_t n = 1ull << random() % 3;

		if (m >= 4 * GIB)
			n = 1;
		seen(m, &there);
		if (!m2p_back(MFN(m), n))
			continue;
		m2p_set(MFN(m), i);
		model[m] = i;
		assert_int_equal(seen(m, &there), i);
	}
	for (uint64_t m = 0; m < 3 * GIB; m++)
		if (seen(m, &there) != model[m])
			fail_msg("frame %lx", m);
	assert_int_equal(m2p_cost(~0ull / 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before), cmocka_unit_test(pages), cmocka_unit_test(large),
		cmocka_unit_test(no_memory), cmocka_unit_test(names), cmocka_unit_test(at_random),
	};

	return cmocka_run_group_tests(tests, machine, NULL);
}
