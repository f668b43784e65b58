// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A shadow is named by a guest's table and the level at which a walk meets it, which may be lower than the
 * table's own: an L4 may map itself, and then tables are read as data. Shadows are a cache: filled by page
 * faults, dropped at will.
 *
 * What makes them safe, all under one lock a domain:
 * 1. An entry is copied from the guest's while the lock is held. Who changes a guest's entry writes it, then
 *    takes the lock and empties its shadows, and only then gives back the old entry's references: no shadow
 *    maps what the guest's tables do not hold.
 * 2. A shadow goes when its table loses its type (pv_log_table_gone). Nothing links it then: a table in use
 *    by an entry has a reference, and each entry that linked it has been emptied when it changed.
 * 3. So whatever a walk meets from a root in use by present entries, under the lock, is a table, whose
 *    accessed and dirty bits may be set here as the CPU would.
 * 4. A page that was a shadow is used again only after the domain's TLBs have been flushed.
 * 5. An entry of a frame of the domain's own is writable only if the frame is marked dirty; or it is in the
 *    log that a reader is getting right now, before whose return the right is taken away again.
 * Shadow entries are born accessed and dirty, so that no CPU writes to a shadow.
 */
#include "pv/mm_shadow.h"
#include "pv/mm_priv.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "sched/sched.h"
#include "x86/cpu.h"

#define NONE	(~0u)
#define RESERVE	3u		/* what one fault may need besides the root */

/* --- lists and hash; the lock is held --- */

static void list_push(struct pv_shadow *s, struct shadow_list *l, uint32_t i)
{
	s->page[i].mfn = SHADOW_FREE;
	s->page[i].next = l->first;
	l->first = i;
	l->nr++;
}

static uint32_t list_pop(struct pv_shadow *s, struct shadow_list *l)
{
	uint32_t i = l->first;

	l->first = s->page[i].next;
	l->nr--;
	return i;
}

static uint32_t *bucket(struct pv_shadow *s, uint64_t mfn)
{
	return &s->hash[(mfn * 0x9e3779b97f4a7c15ull) >> (64 - s->hash_bits)];
}

struct shadow_page *pv_shadow_find(struct pv_shadow *s, uint64_t mfn, unsigned level)
{
	for (uint32_t i = *bucket(s, mfn); i != NONE; i = s->page[i].next)
		if (s->page[i].mfn == mfn && s->page[i].level == level)
			return &s->page[i];
	return NULL;
}

static void hash_in(struct pv_shadow *s, uint32_t i)
{
	uint32_t *b = bucket(s, s->page[i].mfn);

	s->page[i].next = *b;
	*b = i;
}

/* --- memory --- */

int pv_shadow_describe(struct pv_shadow *s, unsigned nr)
{
	unsigned bits = 4;

	while ((1u << bits) < nr)
		bits++;
	s->page = heap_zalloc(nr * sizeof(*s->page));
	s->hash = heap_zalloc(sizeof(*s->hash) << bits);
	if (!s->page || !s->hash) {
		heap_free(s->page);
		heap_free(s->hash);
		s->page = NULL;
		s->hash = NULL;
		return -ENOMEM;
	}
	memset(s->hash, 0xff, sizeof(*s->hash) << bits);
	s->hash_bits = bits;
	s->nr = nr;
	s->nr_made = 0;
	s->clean = s->stale = (struct shadow_list){ NONE, 0 };
	s->faults = 0;
	return 0;
}

bool pv_shadow_add_page(struct pv_shadow *s)
{
	uint64_t *va = heap_pages(0);

	if (!va)
		return false;
	s->page[s->nr_made].va = va;
	spin_lock(&s->lock);
	list_push(s, &s->clean, s->nr_made++);
	spin_unlock(&s->lock);
	return true;
}

void pv_shadow_forget(struct pv_shadow *s)
{
	spin_lock(&s->lock);
	if (s->hash)
		memset(s->hash, 0xff, sizeof(*s->hash) << s->hash_bits);
	for (unsigned i = 0; i < s->nr_made; i++)
		s->page[i].mfn = SHADOW_FREE;
	spin_unlock(&s->lock);
}

/* Whoever still looks for a shadow finds an empty hash; the arrays go under the lock. */
bool pv_shadow_take_page(struct pv_shadow *s)
{
	struct shadow_page *page;
	uint32_t *hash;

	if (s->nr_made) {
		heap_pages_free(s->page[--s->nr_made].va, 0);
		return true;
	}
	spin_lock(&s->lock);
	page = s->page;
	hash = s->hash;
	s->page = NULL;
	s->hash = NULL;
	s->nr = 0;
	spin_unlock(&s->lock);
	heap_free(page);
	heap_free(hash);
	return false;
}

static void flush_stale(struct domain *d, struct pv_shadow *s)
{
	domain_flush_tlb(d);
	while (s->stale.nr)
		list_push(s, &s->clean, list_pop(s, &s->stale));
}

/* Everything but the vCPUs' roots, which lose what is the guest's. */
static void evict_all(struct domain *d, struct pv_shadow *s)
{
	memset(s->hash, 0xff, sizeof(*s->hash) << s->hash_bits);
	for (uint32_t i = 0; i < s->nr_made; i++) {
		struct shadow_page *p = &s->page[i];

		if (p->mfn == SHADOW_FREE)
			continue;
		if (!p->roots) {
			list_push(s, &s->stale, i);
			continue;
		}
		for (unsigned slot = 0; slot < PTES_PER_TABLE; slot++)
			if (slot_is_guests(slot))
				WRITE_ONCE(p->va[slot], 0);
		hash_in(s, i);
	}
	flush_stale(d, s);
}

static void reserve(struct domain *d, struct pv_shadow *s)
{
	if (s->clean.nr >= RESERVE)
		return;
	if (s->stale.nr)
		flush_stale(d, s);
	if (s->clean.nr < RESERVE)
		evict_all(d, s);
	BUG_ON(s->clean.nr < RESERVE);		/* there are more than the vCPUs have roots: pv/mm_log.c */
}

/* --- entries --- */

static unsigned table_level(uint64_t mfn) { return (READ_ONCE(frame_of(MFN(mfn))->type) & FTYPE_MASK) >> FTYPE_SHIFT; }

/* What a present entry of the guest's is at the end of a walk; 'last': it is an L1's, not that of a table read as data. */
static uint64_t leaf_entry(const struct domain *d, uint64_t e, bool last)
{
	uint64_t s = (e | PTE_A | PTE_D) & ~PTE_W;
	const struct frame *f;

	if (!(e & PTE_W) || !(e & PTE_D) || !last)
		return s;
	if (mfn_counted(pte_mfn(e))) {
		f = frame_of(pte_mfn(e));
		if (frame_owner(f) == d->id && !(READ_ONCE(f->count) & FRAME_LOGGED))
			return s;
	}
	return s | PTE_W;
}

/* Sets accessed and dirty bits of a guest's entry, as the CPU does; the entry as it is then. */
static uint64_t guest_bits(uint64_t table, unsigned idx, uint64_t bits)
{
	uint64_t *pe = (uint64_t *)mfn_to_va(MFN(table)) + idx, e = READ_ONCE(*pe), was;

	while ((e & PTE_P) && (e & bits) != bits) {
		was = cmpxchg(pe, e, e | bits);
		if (was == e) {
			frame_mark_dirty(frame_of(MFN(table)));
			return e | bits;
		}
		e = was;
	}
	return e;
}

static struct shadow_page *make(struct domain *d, struct pv_shadow *s, uint64_t mfn, unsigned level)
{
	uint32_t i = list_pop(s, &s->clean);
	struct shadow_page *p = &s->page[i];
	const uint64_t *guest = mfn_to_va(MFN(mfn));
	bool last = table_level(mfn) == 1;

	p->mfn = mfn;
	p->level = level;
	p->roots = 0;
	hash_in(s, i);
	if (level > 1 || !last) {
		memset(p->va, 0, PAGE_SIZE);
		return p;
	}
	/* What the guest has used it will use again: one fault for all of these. */
	for (unsigned idx = 0; idx < PTES_PER_TABLE; idx++) {
		uint64_t e = READ_ONCE(guest[idx]);

		p->va[idx] = (e & (PTE_P | PTE_A)) == (PTE_P | PTE_A) ? leaf_entry(d, e, true) : 0;
	}
	return p;
}

/* --- roots --- */

static struct shadow_page *root_get(struct domain *d, struct pv_shadow *s, uint64_t mfn)
{
	struct shadow_page *p;
	const uint64_t *guest;

	if (!mfn)
		return NULL;
	p = pv_shadow_find(s, mfn, 4);
	if (!p) {
		reserve(d, s);
		p = make(d, s, mfn, 4);
	}
	guest = mfn_to_va(MFN(mfn));
	for (unsigned i = ANEL_FIRST_SLOT; i <= ANEL_LAST_SLOT; i++)
		WRITE_ONCE(p->va[i], READ_ONCE(guest[i]));
	p->roots++;
	return p;
}

void pv_shadow_roots(struct vcpu *v)
{
	struct pv_shadow *s = v->domain->pv->shadow;
	struct pv_vcpu *pv = v->pv;

	spin_lock(&s->lock);
	for (unsigned kernel = 0; kernel < 2; kernel++) {
		struct shadow_page *old = pv->shadow_root[kernel];

		pv->shadow_root[kernel] = root_get(v->domain, s, kernel ? pv->guest_table : pv->guest_table_user);
		if (old)
			old->roots--;
	}
	spin_unlock(&s->lock);
}

/* --- changes --- */

void pv_log_entry(struct domain *d, struct frame *table, unsigned idx)
{
	struct pv_shadow *s = d->pv->shadow;
	uint64_t mfn = frame_mfn(table).n;

	frame_mark_dirty(table);
	if (!s)
		return;
	spin_lock(&s->lock);
	if (s->hash)
		for (uint32_t i = *bucket(s, mfn); i != NONE; i = s->page[i].next)
			if (s->page[i].mfn == mfn)
				WRITE_ONCE(s->page[i].va[idx], 0);
	spin_unlock(&s->lock);
}

void pv_log_table_gone(struct frame *table)
{
	struct domain *d = domain_of_id(frame_owner(table));
	struct pv_shadow *s = d && d->pv ? d->pv->shadow : NULL;
	uint64_t mfn = frame_mfn(table).n;
	uint32_t *at;

	frame_mark_dirty(table);
	if (!s)
		return;
	spin_lock(&s->lock);
	for (at = s->hash ? bucket(s, mfn) : NULL; at && *at != NONE;) {
		uint32_t i = *at;

		if (s->page[i].mfn != mfn) {
			at = &s->page[i].next;
			continue;
		}
		*at = s->page[i].next;
		BUG_ON(s->page[i].roots);
		list_push(s, &s->stale, i);
	}
	spin_unlock(&s->lock);
}

bool pv_shadow_protect(struct pv_shadow *s, unsigned i)
{
	struct shadow_page *p = &s->page[i];
	bool any = false;

	spin_lock(&s->lock);
	for (unsigned idx = 0; p->mfn != SHADOW_FREE && p->level == 1 && idx < PTES_PER_TABLE; idx++)
		if (p->va[idx] & PTE_W) {
			WRITE_ONCE(p->va[idx], p->va[idx] & ~PTE_W);
			any = true;
		}
	spin_unlock(&s->lock);
	return any;
}

/* --- faults --- */

static bool put_entry(uint64_t *pe, uint64_t e)
{
	if (*pe == e)
		return false;
	WRITE_ONCE(*pe, e);
	return true;
}

/* Where a walk has come to: a table of the guest's and its shadow; what all entries so far allow; was a shadow changed? */
struct walk { uint64_t mfn, rights; struct shadow_page *p; bool changed; };

static uint64_t narrow(uint64_t rights, uint64_t e) { return (rights & e & (PTE_W | PTE_U)) | ((rights | e) & PTE_NX); }

/* One step down. False: the guest's tables end here. */
static bool step_down(struct domain *d, struct pv_shadow *s, unsigned idx, struct walk *w)
{
	unsigned level = w->p->level;
	struct shadow_page *low;
	uint64_t e;

	/* The hypervisor's slots of an L4 that is read as a lower table. */
	if (table_level(w->mfn) == 4 && !slot_is_guests(idx))
		return false;
	e = guest_bits(w->mfn, idx, PTE_A);
	if (!(e & PTE_P) || !mfn_counted(pte_mfn(e)))
		return false;
	low = pv_shadow_find(s, pte_mfn(e).n, level - 1) ?: make(d, s, pte_mfn(e).n, level - 1);
	w->changed |= put_entry(&w->p->va[idx], (e & ~(PTE_ADDR | PTE_D)) | pte_make(va_to_mfn(low->va), PTE_A));
	w->rights = narrow(w->rights, e);
	w->mfn = pte_mfn(e).n;
	w->p = low;
	return true;
}

static bool allowed(uint64_t rights, uint32_t ec)
{
	return !((ec & PFEC_W) && !(rights & PTE_W)) && !((ec & PFEC_I) && (rights & PTE_NX)) && (rights & PTE_U);
}

/* The end of the walk: the entry for the page. True: what the guest's tables allow, the shadows do now. */
static bool fill_leaf(struct domain *d, unsigned idx, uint32_t ec, struct walk *w)
{
	bool last = table_level(w->mfn) == 1, write;
	uint64_t e = guest_bits(w->mfn, idx, PTE_A);

	if (!(e & PTE_P) || (table_level(w->mfn) == 4 && !slot_is_guests(idx)))
		return false;
	w->rights = narrow(w->rights, e);
	write = (ec & PFEC_W) && (w->rights & PTE_W) && last;
	if (write) {
		/* Another CPU may have changed it: then this is for the next fault. */
		if (guest_bits(w->mfn, idx, PTE_A | PTE_D) != (e | PTE_D))
			return true;
		if (mfn_counted(pte_mfn(e)) && frame_owner(frame_of(pte_mfn(e))) == d->id)
			frame_mark_dirty(frame_of(pte_mfn(e)));
		e |= PTE_D;
	}
	w->changed |= put_entry(&w->p->va[idx], leaf_entry(d, e, last));
	return allowed(w->rights, ec);
}

static bool fault(struct domain *d, struct pv_shadow *s, uint64_t root, uint64_t addr, uint32_t ec)
{
	const unsigned idx[] = { 0, l1_index(addr), l2_index(addr), l3_index(addr), l4_index(addr) };
	struct walk w = { .mfn = root, .rights = PTE_W | PTE_U, .p = pv_shadow_find(s, root, 4) };

	if (!w.p)
		return false;
	for (unsigned level = 4; level > 1; level--)
		if (!step_down(d, s, idx[level], &w))
			return w.changed;
	return fill_leaf(d, idx[1], ec, &w) || w.changed;
}

bool pv_shadow_fault(struct vcpu *v, uint64_t addr, uint32_t ec)
{
	uint64_t root = v->pv->kernel_mode ? v->pv->guest_table : v->pv->guest_table_user;
	struct pv_shadow *s = v->domain->pv->shadow;
	bool done;

	if (!root || (ec & PFEC_RSVD) || ((int64_t)(addr << 16) >> 16) != (int64_t)addr)
		return false;
	/* A present page that may not be read: the hypervisor's own mistake, or the CPU's. */
	if ((ec & (PFEC_P | PFEC_U | PFEC_W)) == PFEC_P)
		return false;
	spin_lock(&s->lock);
	reserve(v->domain, s);
	done = fault(v->domain, s, root, addr, ec);
	s->faults++;
	spin_unlock(&s->lock);
	return done;
}
