/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames: all references, of pages and of types, are counted anew from who holds them (entries of page tables, pins, roots,
 * descriptor tables, pages that services keep, grant handles, owners) and compared with the frame table.
 */
#include "debug/self_check.h"
#include "hypercall/evtchn_fifo.h"
#include "hypercall/gnttab_priv.h"
#include "hypercall/pirq.h"
#include "lib/string.h"
#include "mem/section.h"
#include "pv/mm_priv.h"

#define PATIENT_RUNS 4

static struct frame_want *want_of(struct self_check *c, mfn_t m, const char *who)
{
	if (!mfn_counted(m))
		LIE("%s names frame %lx, which is no RAM", who, (unsigned long)m.n);
	return &c->want[m.n];
}

static void hold(struct self_check *c, mfn_t m, bool type, const char *who)
{
	struct frame_want *w = want_of(c, m, who);

	w->refs++;
	w->types += type;
}

static void check_kind(mfn_t to, uint64_t type, uint64_t from, unsigned idx)
{
	uint64_t x = frame_of(to)->type;

	if (!ftype_refs(x) || (x & FTYPE_MASK) != type || (type != FTYPE_WRITABLE && !(x & FTYPE_VALIDATED)))
		LIE("entry %u of table %lx needs frame %lx to be of type %lx, whose type word is %lx", idx,
		    (unsigned long)from, (unsigned long)to.n, (unsigned long)(type >> FTYPE_SHIFT), (unsigned long)x);
}

/* A domain that dies has given its grants back before its tables are taken apart: nobody runs on those any more. */
static bool runs(const struct frame *table)
{
	const struct domain *d = domain_of_id(frame_owner(table));

	return d && d->state < DOM_DYING;
}

static void count_l1e(struct self_check *c, uint64_t e, const struct frame *table, unsigned idx)
{
	uint64_t from = frame_mfn(table).n;
	mfn_t to = pte_mfn(e);

	if (!mfn_counted(to))
		return;
	if (e & PTE_GRANT) {
		if (!runs(table))
			return;
		c->want[to.n].grants--;
		c->want[to.n].writable_grants -= (e & PTE_W) != 0;
		return;
	}
	if (e & PTE_W)
		check_kind(to, FTYPE_WRITABLE, from, idx);
	hold(c, to, e & PTE_W, "a page table");
}

static void count_upper(struct self_check *c, uint64_t e, uint64_t type, uint64_t from, unsigned idx)
{
	mfn_t to = pte_mfn(e);
	bool self = type == FTYPE_L4 && to.n == from;

	if ((e & PTE_PS) || (self && (e & PTE_W)))
		LIE("entry %u of table %lx is %lx", idx, (unsigned long)from, (unsigned long)e);
	if (!self)
		check_kind(to, type - FTYPE_L1, from, idx);
	hold(c, to, !self, "a page table");
}

/* Entries [0, n) of a table hold references. */
static void count_table(struct self_check *c, const struct frame *f, uint64_t type, unsigned n)
{
	const uint64_t *t = frame_va(f);
	uint64_t from = frame_mfn(f).n;

	for (unsigned i = 0; i < n; i++) {
		if (!(t[i] & PTE_P) || (type == FTYPE_L4 && !slot_is_guests(i)))
			continue;
		if (!(t[i] & PTE_U))
			LIE("entry %u of table %lx is not a user's: %lx", i, (unsigned long)from, (unsigned long)t[i]);
		if (type == FTYPE_L1)
			count_l1e(c, t[i], f, i);
		else
			count_upper(c, t[i], type, from, i);
	}
}

/* What the frame's own record says of who holds it, and of what it holds. */
static void count_frame(struct self_check *c, const struct frame *f)
{
	struct frame_want *w = &c->want[frame_mfn(f).n];
	uint64_t x = f->type, type = x & FTYPE_MASK;
	domid_t owner = frame_owner(f);

	if (owner < DOMID_FIRST_RESERVED) {
		c->owned[owner]++;
		c->heap[owner] += (f->count & FRAME_XENHEAP) != 0;
	}
	w->refs += ((f->count & FRAME_DOM_REF) != 0) + ((x & FTYPE_PINNED) != 0) + ((x & FTYPE_PARTIAL) != 0);
	w->types += ((f->count & FRAME_XENHEAP) != 0) + ((x & FTYPE_PINNED) != 0);
	if (x & FTYPE_BUSY)
		LIE("frame %lx is locked by nobody: %lx", (unsigned long)frame_mfn(f).n, (unsigned long)x);
	if (!ftype_is_table(x))
		return;
	if (x & FTYPE_PARTIAL)
		count_table(c, f, type, x >> FTYPE_PARTIAL_SHIFT & 0x3ff);
	else if (ftype_refs(x) && !(x & FTYPE_VALIDATED))
		LIE("table %lx is in use and not valid: %lx", (unsigned long)frame_mfn(f).n, (unsigned long)x);
	else if (ftype_refs(x))
		count_table(c, f, type, PTES_PER_TABLE);
}

static void count_vcpu(struct self_check *c, const struct vcpu *v)
{
	const struct pv_vcpu *pv = v->pv;
	unsigned ldt = 0;

	if (!mfn_is_invalid(v->info_mfn))
		hold(c, v->info_mfn, true, "vcpu_info");
	if (!pv)
		return;
	if (pv->guest_table)
		hold(c, MFN(pv->guest_table), true, "a kernel's root");
	if (pv->guest_table_user)
		hold(c, MFN(pv->guest_table_user), true, "a user's root");
	if (pv->old_table)
		hold(c, frame_mfn(pv->old_table), false, "old_table");
	for (unsigned i = 0; i < GDT_GUEST_FRAMES; i++)
		if (pv->gdt_mfn[i])
			hold(c, MFN(pv->gdt_mfn[i]), true, "a GDT");
	for (unsigned i = 16; i < 32; i++)
		if (pv->l1_window[i] & PTE_P) {
			hold(c, pte_mfn(pv->l1_window[i]), true, "an LDT");
			ldt++;
		}
	if (ldt != pv->shadow_ldt_count)
		LIE("d%uv%u has %u pages of LDT and believes %u", v->domain->id, v->id, ldt, pv->shadow_ldt_count);
}

static void count_service_page(mfn_t m, void *arg) { hold(arg, m, true, "event channels"); }

static void count_handles(struct self_check *c, const struct grant_table *gt)
{
	for (unsigned h = 0; gt->maptrack && h < gt->nr_handles; h++) {
		const struct maptrack *m = &gt->maptrack[h / MAPTRACK_CHUNK][h % MAPTRACK_CHUNK];
		bool writes = !(m->flags & GNTMAP_readonly), host = m->flags & GNTMAP_host_map;

		if (!(m->flags & (GNTMAP_host_map | GNTMAP_device_map)))
			continue;
		hold(c, m->mfn, writes, "a grant");
		c->want[m->mfn.n].grants += host;
		c->want[m->mfn.n].writable_grants += host && writes;
	}
}

static void count_holders(struct self_check *c)
{
	struct domain *d;
	struct vcpu *v;

	for_each_domain(d) {
		for_each_vcpu(d, v)
			count_vcpu(c, v);
		if (d->evtchn)
			evtchn_fifo_for_each_page(d, count_service_page, c);
		if (d->pirqs && !mfn_is_invalid(pirq_eoi_page(d)))
			hold(c, pirq_eoi_page(d), true, "a page of EOIs");
		if (d->grants)
			count_handles(c, d->grants);
	}
}

/* True: the frame has more references than holders. */
static bool compare(const struct frame *f, const struct frame_want *w)
{
	unsigned long refs = frame_refs(f), types = ftype_refs(f->type), mfn = frame_mfn(f).n;

	if (refs < w->refs || types < w->types)
		LIE("frame %lx of d%u is held by %u (%u by type), and counts %lu (%lu); type word %lx", mfn, frame_owner(f),
		    w->refs, w->types, refs, types, (unsigned long)f->type);
	/* The M2P is mapped by entries that look like a grant's; it is nobody's frame, or dom_xen's. */
	if ((w->grants < 0 || w->writable_grants < 0) && frame_owner(f) < DOMID_FIRST_RESERVED)
		LIE("frame %lx of d%u is mapped by %d page-table entries more than by grants", mfn, frame_owner(f),
		    -MIN(w->grants, w->writable_grants));
	return refs > w->refs || types > w->types;
}

static void surplus(struct self_check *c, const struct frame *f)
{
	uint64_t mfn = frame_mfn(f).n;

	c->suspected = c->suspect == mfn ? c->suspected + 1 : 1;
	c->suspect = mfn;
	if (c->suspected >= PATIENT_RUNS)
		LIE("frame %lx of d%u counts %lu references (%lu of type) and is held by %u (%u): a leak; type word %lx",
		    (unsigned long)mfn, frame_owner(f), (unsigned long)frame_refs(f), (unsigned long)ftype_refs(f->type),
		    c->want[mfn].refs, c->want[mfn].types, (unsigned long)f->type);
}

static void for_each_allocated(struct self_check *c, void (*fn)(struct self_check *c, const struct frame *f))
{
	for (uint64_t m = 0; m < max_mfn; m++) {
		if (!section_is_open(m)) {
			m |= SECTION_FRAMES - 1;
			continue;
		}
		if ((frame_of(MFN(m))->count & (FRAME_ALLOCATED | FRAME_IO)) == FRAME_ALLOCATED)
			fn(c, frame_of(MFN(m)));
	}
}

static bool found_surplus;

static void compare_frame(struct self_check *c, const struct frame *f)
{
	if (compare(f, &c->want[frame_mfn(f).n]) && !found_surplus) {
		found_surplus = true;
		surplus(c, f);
	}
}

void self_check_frames(struct self_check *c)
{
	memset(c->want, 0, max_mfn * sizeof(c->want[0]));
	memset(c->owned, 0, sizeof(c->owned));
	memset(c->heap, 0, sizeof(c->heap));
	for_each_allocated(c, count_frame);
	count_holders(c);
	found_surplus = false;
	for_each_allocated(c, compare_frame);
	if (!found_surplus)
		c->suspected = 0;
}
