/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings of single frames and of device memory, each followed by a page that is not mapped, which ends it and catches what
 * runs over. Addresses of what was unmapped are stale until all CPUs' TLBs have been flushed, which is done for many at once.
 * Lock: vmap_lock, never held while memory is allocated or TLBs are flushed.
 */
#include "mem/vmap.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/map.h"
#include "x86/cpu.h"

#define VMAP_PAGES (1ul << 18)		/* 1 GiB of addresses */
#define STALE_MAX (VMAP_PAGES / 8)

static DEFINE_SPINLOCK(vmap_lock);
/* vmap_lock: */
static unsigned long *used;		/* bit per page: taken or stale */
static unsigned long *stale, *spare_stale;
static unsigned long nr_stale, next_page;
static unsigned long tables;	/* that were put where there was none, for good */

static void *page_va(unsigned long page) { return (void *)(VMAP_VIRT_START + page * PAGE_SIZE); }

void vmap_init(void)
{
	unsigned order = __builtin_ctzl(VMAP_PAGES / 8 / PAGE_SIZE);
	unsigned long **map[] = { &used, &stale, &spare_stale };

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
		struct frame *f = frames_alloc(order, 0);

		if (!f)
			panic("No memory for the vmap area's maps");
		*map[i] = frame_va(f);
	}
}

/* First free run of nr pages at or after from; VMAP_PAGES: none */
static unsigned long find_run(unsigned long from, unsigned long nr)
{
	for (;;) {
		unsigned long s = find_next_zero_bit(used, VMAP_PAGES, from), e;

		if (s + nr > VMAP_PAGES)
			return VMAP_PAGES;
		e = find_next_bit(used, s + nr, s);
		if (e >= s + nr)
			return s;
		from = e + 1;
	}
}

static unsigned long reserve_run(unsigned long nr)
{
	unsigned long s;

	spin_lock(&vmap_lock);
	s = find_run(next_page, nr);
	if (s == VMAP_PAGES)
		s = find_run(0, nr);
	if (s != VMAP_PAGES) {
		for (unsigned long i = s; i < s + nr; i++)
			set_bit(i, used);
		next_page = s + nr;
	}
	spin_unlock(&vmap_lock);
	return s;
}

/*
 * Makes the addresses of old mappings usable again. What becomes stale while the flush runs waits for the next one: its bits
 * are put into the other map.
 */
static void purge(void)
{
	static DEFINE_SPINLOCK(purge_lock);
	unsigned long *old;

	if (!spin_trylock(&purge_lock))
		return;		/* somebody is at it */
	spin_lock(&vmap_lock);
	old = stale;
	stale = spare_stale;
	nr_stale = 0;
	spin_unlock(&vmap_lock);
	flush_tlb_mask(&cpu_online_map, FLUSH_GLOBAL);
	spin_lock(&vmap_lock);
	for (unsigned long i = 0; i < VMAP_PAGES / 64; i++) {
		used[i] &= ~old[i];
		old[i] = 0;
	}
	spare_stale = old;
	spin_unlock(&vmap_lock);
	spin_unlock(&purge_lock);
}

/* Writes one entry, with a new table where there is none. */
static bool set_entry(uint64_t va, uint64_t e)
{
	void *table = NULL, *new;
	uint64_t *pte;

	for (;;) {
		spin_lock(&vmap_lock);
		new = table;
		pte = map_pte(va, &table);
		tables += new && !table;
		if (pte)
			WRITE_ONCE(*pte, e);
		spin_unlock(&vmap_lock);
		if (pte)
			break;
		struct frame *f = frames_alloc(0, 0);

		if (!f)
			return false;
		table = frame_va(f);
	}
	if (table)	/* another CPU had put one there */
		frames_free(frame_of(va_to_mfn(table)), 0, true);
	return true;
}

unsigned long vmap_tables(void) { return READ_ONCE(tables); }

/* Addresses that nothing maps (any more): usable after the next flush. */
static void retire(unsigned long page, unsigned long nr)
{
	bool many;

	spin_lock(&vmap_lock);
	for (unsigned long i = page; i < page + nr; i++)
		set_bit(i, stale);
	nr_stale += nr;
	many = nr_stale > STALE_MAX;
	spin_unlock(&vmap_lock);
	if (many)
		purge();
}

/* Takes away the mappings from page on, up to the first that is not there; how many there were. */
static unsigned long clear_entries(unsigned long page)
{
	unsigned long nr = 0;

	spin_lock(&vmap_lock);
	for (;; nr++) {
		void *none = NULL;
		uint64_t *pte = map_pte((uint64_t)page_va(page + nr), &none);

		if (!pte || !(*pte & PTE_P))
			break;
		WRITE_ONCE(*pte, 0);
	}
	spin_unlock(&vmap_lock);
	return nr;
}

static void *map_run(const mfn_t *mfns, mfn_t first, unsigned long nr, uint64_t flags)
{
	unsigned long s, i;

	if (!nr || nr >= VMAP_PAGES)
		return NULL;
	s = reserve_run(nr + 1);
	if (s == VMAP_PAGES) {
		purge();
		s = reserve_run(nr + 1);
		if (s == VMAP_PAGES)
			return NULL;
	}
	for (i = 0; i < nr; i++)
		if (!set_entry((uint64_t)page_va(s + i), pte_make(mfns ? mfns[i] : MFN(first.n + i), flags))) {
			clear_entries(s);
			retire(s, nr + 1);
			return NULL;
		}
	return page_va(s);
}

/* Boot CPU. What was mapped of a stack that cannot be had whole stays: no other CPU will start anyway. */
void *vmap_stack(unsigned pages, unsigned hole)
{
	unsigned long s = reserve_run(2ul * pages);	/* in it lies one that is aligned; addresses are no loss */

	if (s == VMAP_PAGES)
		return NULL;
	s = ROUNDUP(s, (unsigned long)pages);
	for (unsigned i = 0; i < pages; i++) {
		struct frame *f = i == hole ? NULL : frames_alloc(0, 0);

		if (i == hole)
			continue;
		if (!f || !set_entry((uint64_t)page_va(s + i), pte_make(frame_mfn(f), MAP_RW)))
			return NULL;
		memset(page_va(s + i), 0, PAGE_SIZE);
	}
	return page_va(s);
}

void *vmap_frames(const mfn_t *mfns, unsigned nr, uint64_t flags)
{
	return map_run(mfns, INVALID_MFN, nr, flags);
}

void *vmap_range(paddr_t pa, size_t size, uint64_t flags)
{
	size_t off = pa & (PAGE_SIZE - 1);
	char *va;

	if (!size || pa + size < pa || size > VMAP_PAGES * PAGE_SIZE)
		return NULL;
	va = map_run(NULL, MFN(pa >> PAGE_SHIFT), PFN_UP(off + size), flags);
	return va ? va + off : NULL;
}

void vunmap(void *va)
{
	unsigned long page = ((uint64_t)va - VMAP_VIRT_START) >> PAGE_SHIFT;

	BUG_ON((uint64_t)va < VMAP_VIRT_START || page >= VMAP_PAGES);
	retire(page, clear_entries(page) + 1);	/* with the guard */
}
