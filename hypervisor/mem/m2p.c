/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/m2p.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "mem/ram.h"
#include "mem/scrub.h"
#include "mem/section.h"
#include "x86/cpu.h"

#define PIECES_MAX (1u << 13)	/* 8 TiB */
#define LARGE_FROM (1ul << (M2P_PIECE_SHIFT - 1))	/* frames at once, from which a piece is made large */
#define TABLE_FLAGS (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define LEAF_FLAGS (PTE_P | PTE_U | PTE_A | PTE_NX)
#define PTE_READY (1ull << 9)	/* a leaf: no TLB has what was there before */

/* What is seen of a piece without pages of its own */
static uint64_t blank_table[PTES_PER_TABLE] __aligned(PAGE_SIZE), blank_page[PTES_PER_TABLE] __aligned(PAGE_SIZE);

static DEFINE_SPINLOCK(m2p_lock);
/* Changed under m2p_lock, or section_lock from 0: the entry of level 2 of each piece. */
static uint64_t *piece;
static unsigned nr_pieces;
static uint64_t missing;	/* pages that cover RAM and are not backed */
static uint64_t taken;		/* frames, for good */

static mfn_t image_mfn(const void *p) { return MFN(image_to_pa(p) >> PAGE_SHIFT); }
static bool is_blank(uint64_t e) { return !e || pte_mfn(e).n == image_mfn(blank_table).n; }
static uint64_t *leaf(uint64_t e, uint64_t mfn)
{
	return (uint64_t *)mfn_to_va(pte_mfn(e)) + (mfn >> M2P_PAGE_SHIFT) % PTES_PER_TABLE;
}

/* The page that has the entry of mfn; INVALID_MFN: there is none that may be written. */
static mfn_t page_of(uint64_t mfn)
{
	uint64_t e = READ_ONCE(piece[mfn >> M2P_PIECE_SHIFT]), at = 0;

	if (!e)
		return INVALID_MFN;
	if (e & PTE_PS)
		at = (mfn >> M2P_PAGE_SHIFT) % M2P_PIECE_FRAMES;
	else
		e = READ_ONCE(*leaf(e, mfn));
	return e & PTE_READY ? MFN(pte_mfn(e).n + at) : INVALID_MFN;
}

mfn_t m2p_piece(unsigned i)
{
	struct ram_range r;
	uint64_t from = (uint64_t)i << M2P_PIECE_SHIFT;

	if (i >= nr_pieces || !ram_next(&ram_all, from, from + (1ull << M2P_PIECE_SHIFT), &r))
		return INVALID_MFN;
	return MFN(M2P_NAME + (uint64_t)i * M2P_PIECE_FRAMES);
}

void m2p_set(mfn_t m, uint64_t gfn)
{
	mfn_t page = page_of(m.n);

	if (mfn_is_invalid(page)) {
		BUG_ON(gfn != M2P_INVALID);
		return;
	}
	WRITE_ONCE(((uint64_t *)mfn_to_va(page))[m.n % PTES_PER_TABLE], gfn);
}

void m2p_init(void)
{
	uint64_t counted = 0;
	struct ram_range r;

	nr_pieces = DIV_ROUND_UP(max_mfn, 1ull << M2P_PIECE_SHIFT);
	BUG_ON(nr_pieces > PIECES_MAX);
	piece = map_early_zalloc(nr_pieces * sizeof(*piece));
	for (unsigned i = 0; i < nr_pieces; i++)
		if (!mfn_is_invalid(m2p_piece(i)))
			map_table_for(M2P_VIRT_START + ((uint64_t)i << (M2P_PIECE_SHIFT + 3)), true);
	for (uint64_t at = 0; ram_next(&ram_all, at, max_mfn, &r); at = r.end) {
		uint64_t from = MAX(r.start >> M2P_PAGE_SHIFT, counted);

		counted = DIV_ROUND_UP(r.end, 1ull << M2P_PAGE_SHIFT);
		missing += counted - MIN(from, counted);
	}
	memset(blank_page, 0xff, sizeof(blank_page));
	for (unsigned i = 0; i < PTES_PER_TABLE; i++)
		blank_table[i] = pte_make(image_mfn(blank_page), LEAF_FLAGS);
}

static void set_piece(unsigned i, uint64_t e)
{
	map_entry_set(M2P_VIRT_START + ((uint64_t)i << (M2P_PIECE_SHIFT + 3)), e);
	WRITE_ONCE(piece[i], e);
}

void m2p_open(uint64_t mfn)
{
	unsigned i = mfn >> M2P_PIECE_SHIFT;

	if (!piece[i])
		set_piece(i, pte_make(image_mfn(blank_table), TABLE_FLAGS));
}

uint64_t m2p_cost(uint64_t n)
{
	return MIN(READ_ONCE(missing), DIV_ROUND_UP(n, 1ull << M2P_PAGE_SHIFT) + 1);
}

/* m2p_lock held. */
static uint64_t *new_pages(uint64_t mfn, unsigned order, int fill)
{
	struct frame *f = frames_alloc(order, ALLOC_NODE(mfn_to_node(MFN(mfn))) | ALLOC_NO_SCRUB);

	if (!f)
		return NULL;
	taken += 1ull << order;
	return memset(frame_va(f), fill, PAGE_SIZE << order);
}

uint64_t m2p_frames(void) { return READ_ONCE(taken); }

/* m2p_lock held. The pages of a piece that covers some RAM: those that do. */
static uint64_t missing_in(unsigned i)
{
	uint64_t n = 0, first = (uint64_t)i << M2P_PIECE_SHIFT;
	struct ram_range r;

	for (uint64_t m = first; m < first + (1ull << M2P_PIECE_SHIFT); m += 1ull << M2P_PAGE_SHIFT)
		n += ram_next(&ram_all, m, m + (1ull << M2P_PAGE_SHIFT), &r);
	return n;
}

static bool back_large(unsigned i)
{
	uint64_t *pages = new_pages((uint64_t)i << M2P_PIECE_SHIFT, 9, 0xff);

	if (!pages)
		return false;
	set_piece(i, pte_make(va_to_mfn(pages), LEAF_FLAGS | PTE_PS));
	missing -= missing_in(i);
	return true;
}

/* m2p_lock held. */
static bool back_page(uint64_t mfn)
{
	unsigned i = mfn >> M2P_PIECE_SHIFT;
	uint64_t *table, *page = new_pages(mfn, 0, 0xff);

	if (page && is_blank(piece[i])) {
		table = new_pages(mfn, 0, 0);
		if (table) {
			memcpy(table, blank_table, PAGE_SIZE);
			set_piece(i, pte_make(va_to_mfn(table), TABLE_FLAGS));
		} else {
			frames_free(frame_of(va_to_mfn(page)), 0, true);
			taken--;
			page = NULL;
		}
	}
	if (!page)
		return false;
	WRITE_ONCE(*leaf(piece[i], mfn), pte_make(va_to_mfn(page), LEAF_FLAGS));
	missing--;
	return true;
}

/* m2p_lock held. The leaf of mfn, if it has memory; *each: how many frames it covers. */
static uint64_t *own_leaf(uint64_t mfn, uint64_t *each)
{
	uint64_t *e = &piece[mfn >> M2P_PIECE_SHIFT];

	*each = 1ull << M2P_PIECE_SHIFT;
	if (*e & PTE_PS)
		return e;
	*each = 1ull << M2P_PAGE_SHIFT;
	if (is_blank(*e))
		return NULL;
	e = leaf(*e, mfn);
	return pte_mfn(*e).n == image_mfn(blank_page).n ? NULL : e;
}

/* What is mapped now was mapped otherwise before: what TLBs have of that goes before it is relied on. m2p_lock held. */
static void make_ready(uint64_t from, uint64_t end)
{
	uint64_t each, *e;

	flush_since(tlb_clock() ?: tlb_clock());
	for (uint64_t m = from; m < end; m = (m | (each - 1)) + 1) {
		e = own_leaf(m, &each);
		if (e)
			WRITE_ONCE(*e, *e | PTE_READY);
	}
}

static bool all_ready(uint64_t from, uint64_t end)
{
	for (uint64_t m = from; m < end; m = (m | ((1ull << M2P_PAGE_SHIFT) - 1)) + 1)
		if (mfn_is_invalid(page_of(m)))
			return false;
	return true;
}

bool m2p_back(mfn_t first, uint64_t nr)
{
	uint64_t end = first.n + nr, each;
	bool ok = true;

	if (likely(all_ready(first.n, end)))
		return true;
	spin_lock(&m2p_lock);
	for (uint64_t m = first.n; m < end && ok; m = (m | (each - 1)) + 1) {
		if (own_leaf(m, &each))
			continue;
		if (nr >= LARGE_FROM && is_blank(piece[m >> M2P_PIECE_SHIFT]) && back_large(m >> M2P_PIECE_SHIFT))
			each = 1ull << M2P_PIECE_SHIFT;
		else
			ok = back_page(m);
	}
	make_ready(first.n, end);
	spin_unlock(&m2p_lock);
	return ok;
}

mfn_t m2p_named(mfn_t name)
{
	uint64_t at = (name.n - M2P_NAME) << M2P_PAGE_SHIFT;
	struct ram_range r;
	mfn_t page;

	if (name.n < M2P_NAME || at >= (uint64_t)nr_pieces << M2P_PIECE_SHIFT ||
	    mfn_is_invalid(m2p_piece(at >> M2P_PIECE_SHIFT)))
		return INVALID_MFN;
	/*
	 * Also where no section is open yet: a tool maps it all first, and then gives a domain memory from there. Nobody can own
	 * anything if there is no memory even for this.
	 */
	if (ram_next(&ram_all, at, at + (1ull << M2P_PAGE_SHIFT), &r) && m2p_back(MFN(at), 1)) {
		page = page_of(at);
		return page;
	}
	return image_mfn(blank_page);
}
