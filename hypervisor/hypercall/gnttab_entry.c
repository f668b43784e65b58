// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entries of grant tables: how one is taken into use, against a guest that may change it at the same time.
 *
 * Version 1: the hypervisor's bits (GTF_reading, GTF_writing) share a word with the guest's type and
 * domain: set by cmpxchg of that word, so what was checked is what is pinned. Version 2: they stand in a
 * word of their own; they are set first and the guest's word is read again after, as the guest does it the
 * other way round. Source: head of xen/grant_table.h.
 */
#include "hypercall/gnttab_entry.h"
#include "mem/heap.h"

#define SET_STATUS_TRIES 5

union header_word { uint32_t word; struct { uint16_t flags; domid_t domid; }; };

static bool acceptable(union header_word h, domid_t who, unsigned how, unsigned version)
{
	unsigned type = h.flags & GTF_type_mask;

	if (h.domid != who)
		return false;
	if (type == GTF_permit_access)
		return !(how & PIN_MAP) || version == 1 || !(h.flags & GTF_sub_page);
	return type == GTF_transitive && version == 2 && !(how & PIN_MAP);
}

static int set_status_v1(struct grant_table *gt, grant_ref_t ref, domid_t who, unsigned how, bool pinned,
			 union header_word *out)
{
	uint32_t *word = gnttab_header(gt, ref);
	union header_word h = { .word = READ_ONCE(*word) }, new;
	uint32_t seen;

	for (unsigned i = 0; i < SET_STATUS_TRIES; i++) {
		if (!pinned && !acceptable(h, who, how, 1))
			return GNTST_general_error;
		if ((how & PIN_WRITE) && (h.flags & GTF_readonly))
			return GNTST_general_error;
		new = h;
		new.flags |= GTF_reading | (how & PIN_WRITE ? GTF_writing : 0);
		seen = cmpxchg(word, h.word, new.word);
		if (seen == h.word) {
			*out = h;
			return GNTST_okay;
		}
		h.word = seen;
	}
	return GNTST_general_error;
}

static void status_clear(grant_status_t *status, uint16_t bits)
{
	__atomic_fetch_and(status, (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

static int set_status_v2(struct grant_table *gt, grant_ref_t ref, domid_t who, unsigned how, bool pinned,
			 union header_word *out)
{
	uint32_t *word = gnttab_header(gt, ref);
	grant_status_t *status = gnttab_status(gt, ref);
	union header_word h = { .word = READ_ONCE(*word) };

	if (!pinned && !acceptable(h, who, how, 2))
		return GNTST_general_error;
	__atomic_fetch_or(status, (uint16_t)(GTF_reading | (how & PIN_WRITE ? GTF_writing : 0)),
			  __ATOMIC_SEQ_CST);
	h.word = READ_ONCE(*word);
	if (pinned) {
		if ((how & PIN_WRITE) && (h.flags & GTF_readonly)) {
			status_clear(status, GTF_writing);
			return GNTST_general_error;
		}
	} else if (!acceptable(h, who, how, 2) || ((how & PIN_WRITE) && (h.flags & GTF_readonly))) {
		status_clear(status, GTF_reading | GTF_writing);
		return GNTST_general_error;
	}
	*out = h;
	return GNTST_okay;
}

/* The flags that no pin stands for any more. */
static void drop_status(struct grant_table *gt, grant_ref_t ref, const struct active_grant *a)
{
	uint16_t bits = (a->writers ? 0 : GTF_writing) | (a->readers || a->writers ? 0 : GTF_reading);

	if (bits)
		status_clear(gnttab_status(gt, ref), bits);
}

/* First use: what the entry grants goes into the active entry. */
static int take_over(struct grant_table *gt, grant_ref_t ref, domid_t who, union header_word h,
		     struct active_grant *a)
{
	const grant_entry_v2_t *e;

	a->domid = who;
	a->start = 0;
	a->length = PAGE_SIZE;
	a->partial = false;
	a->mfn = INVALID_MFN;
	if (gt->version == 1) {
		a->mfn = MFN(READ_ONCE(gnttab_v1(gt, ref)->frame));
		return GNTST_okay;
	}
	e = gnttab_v2(gt, ref);
	if ((h.flags & GTF_type_mask) == GTF_transitive) {
		a->partial = true;
		return GNTST_okay;
	}
	a->mfn = MFN(READ_ONCE(e->full_page.frame));
	if (h.flags & GTF_sub_page) {
		a->start = READ_ONCE(e->sub_page.page_off);
		a->length = READ_ONCE(e->sub_page.length);
		a->partial = true;
		if (a->start + a->length > PAGE_SIZE)
			return GNTST_general_error;
	}
	return GNTST_okay;
}

static struct active_grant *active_make(struct grant_table *gt, grant_ref_t ref)
{
	struct active_grant **chunk = &gt->active[ref / ACTIVE_CHUNK];

	if (!*chunk)
		*chunk = new_array(struct active_grant, ACTIVE_CHUNK);
	return gnttab_active(gt, ref);
}

static bool page_get(mfn_t mfn, const struct domain *rd)
{
	return mfn_valid(mfn) && frame_get(frame_of(mfn), rd->id);
}

/* May 'who' use what others have pinned already? Only as they do; and the counts must have room. */
static bool may_join(const struct active_grant *a, domid_t who, unsigned how)
{
	return a->domid == who && a->readers < UINT32_MAX && a->writers < UINT32_MAX &&
	       !(a->partial && (how & PIN_MAP));
}

/* The guest's side of a use: its flags are checked and ours set, unless another use has done so already. */
static int enter(struct grant_table *gt, grant_ref_t ref, domid_t who, unsigned how, struct active_grant *a,
		 union header_word *h)
{
	bool pinned = a->readers || a->writers;
	int rc;

	if (pinned && !may_join(a, who, how))
		return GNTST_general_error;
	if (pinned && (!(how & PIN_WRITE) || a->writers)) {
		h->word = READ_ONCE(*gnttab_header(gt, ref));
		return GNTST_okay;
	}
	rc = gt->version == 1 ? set_status_v1(gt, ref, who, how, pinned, h) :
				set_status_v2(gt, ref, who, how, pinned, h);
	if (rc || pinned)
		return rc;
	rc = take_over(gt, ref, who, *h, a);
	if (rc)
		drop_status(gt, ref, a);
	return rc;
}

/* lock held, ref checked against the table's size. */
static int pin_locked(struct grant_table *gt, struct domain *rd, grant_ref_t ref, domid_t who, unsigned how,
		      struct grant_pin *p)
{
	struct active_grant *a = active_make(gt, ref);
	union header_word h;
	int rc;

	if (!a)
		return GNTST_no_space;
	rc = enter(gt, ref, who, how, a, &h);
	if (rc)
		return rc;
	p->transitive = mfn_is_invalid(a->mfn) && a->partial;
	if (p->transitive) {
		p->trans_domid = READ_ONCE(gnttab_v2(gt, ref)->transitive.trans_domid);
		p->trans_ref = READ_ONCE(gnttab_v2(gt, ref)->transitive.gref);
	} else if (!page_get(a->mfn, rd)) {
		drop_status(gt, ref, a);
		return GNTST_bad_page;
	}
	if (how & PIN_WRITE)
		a->writers++;
	else
		a->readers++;
	p->mfn = a->mfn;
	p->start = a->start;
	p->length = a->length;
	p->cache_flags = h.flags & (GTF_PAT | GTF_PWT | GTF_PCD);
	return GNTST_okay;
}

int grant_pin(struct domain *rd, grant_ref_t ref, domid_t who, unsigned how, struct grant_pin *p)
{
	struct grant_table *gt = rd->grants;
	int rc = GNTST_bad_gntref;

	if (!gt)
		return GNTST_bad_domain;
	p->rd = rd;
	p->ref = ref;
	p->write = how & PIN_WRITE;
	spin_lock(&gt->lock);
	if (ref < gnttab_nr_entries(gt))
		rc = pin_locked(gt, rd, ref, who, how, p);
	spin_unlock(&gt->lock);
	return rc;
}

void grant_unpin(struct grant_pin *p)
{
	struct grant_table *gt = p->rd->grants;
	struct active_grant *a;

	spin_lock(&gt->lock);
	a = gnttab_active(gt, p->ref);
	if (p->write)
		a->writers--;
	else
		a->readers--;
	drop_status(gt, p->ref, a);
	spin_unlock(&gt->lock);
	if (!p->transitive)
		frame_put(frame_of(p->mfn));
}
