// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GNTTABOP_transfer: a page changes its owner. The receiver has an entry of type GTF_accept_transfer; the
 * page leaves the caller before that is looked at, so a transfer that fails loses it, as the interface says
 * (except GNTST_bad_page).
 */
#include "hypercall/gnttab_transfer.h"
#include "hypercall/gnttab_entry.h"
#include "mem/alloc.h"

#define COMMIT_TRIES 5

/* Sets GTF_transfer_committed in entry ref of e, if it waits for a page of 'from'. gt->lock held. */
static bool commit(struct grant_table *gt, grant_ref_t ref, domid_t from)
{
	uint32_t *word, w, seen;

	if (ref >= gnttab_nr_entries(gt))
		return false;
	word = gnttab_header(gt, ref);
	w = READ_ONCE(*word);
	for (unsigned i = 0; i < COMMIT_TRIES; i++) {
		if (w != (GTF_accept_transfer | (uint32_t)from << 16))
			return false;
		seen = cmpxchg(word, w, w | GTF_transfer_committed);
		if (seen == w)
			return true;
		w = seen;
	}
	return false;
}

/*
 * The entry's frame is where the receiver wants it; it is told which machine frame it got, 0 if none.
 * gt->lock held.
 */
static void tell(struct grant_table *gt, grant_ref_t ref, mfn_t mfn, bool ok)
{
	uint16_t *flags = (uint16_t *)gnttab_header(gt, ref);
	uint64_t gfn;

	if (gt->version == 1) {
		gfn = READ_ONCE(gnttab_v1(gt, ref)->frame);
		WRITE_ONCE(gnttab_v1(gt, ref)->frame, ok ? (uint32_t)mfn.n : 0);
	} else {
		gfn = READ_ONCE(gnttab_v2(gt, ref)->full_page.frame);
		WRITE_ONCE(gnttab_v2(gt, ref)->full_page.frame, ok ? mfn.n : 0);
	}
	if (ok)
		m2p_set(mfn, gfn);
	wmb();
	__atomic_fetch_or(flags, GTF_transfer_completed, __ATOMIC_SEQ_CST);
}

static int give(struct frame *f, domid_t to, grant_ref_t ref)
{
	struct domain *e = domain_lookup(to);
	struct grant_table *gt;
	int rc = GNTST_bad_gntref;

	if (!e || !e->grants)
		return GNTST_bad_domain;
	gt = e->grants;
	spin_lock(&gt->lock);
	if (gt->version == 1 && frame_mfn(f).n > UINT32_MAX) {
		rc = GNTST_address_too_big;
	} else if (commit(gt, ref, current->domain->id)) {
		rc = domain_assign_frames(e, f, 0) ? GNTST_general_error : GNTST_okay;
		/*
		 * Committed means that the receiver waits: it must see an end, with no page if e has no
		 * room.
		 */
		tell(gt, ref, frame_mfn(f), rc == GNTST_okay);
	}
	spin_unlock(&gt->lock);
	return rc;
}

static int transfer_one(const struct gnttab_transfer *op)
{
	struct frame *f;
	int rc;

	if (!mfn_valid(MFN(op->mfn)))
		return GNTST_bad_page;
	f = frame_of(MFN(op->mfn));
	if (domain_steal_frame(current->domain, f))
		return GNTST_bad_page;
	m2p_set(frame_mfn(f), M2P_INVALID);
	rc = give(f, op->domid, op->ref);
	if (rc)
		frames_free(f, 0, true);
	return rc;
}

long gnttab_transfer(struct gnttab_transfer *uop, unsigned count)
{
	struct gnttab_transfer op;

	for (unsigned i = 0; i < count; i++) {
		if (i && hypercall_preempt_check())
			return i;
		if (guest_copy_in(&op, &uop[i], sizeof(op)))
			return -EFAULT;
		op.status = transfer_one(&op);
		if (guest_copy_out(&uop[i].status, &op.status, sizeof(op.status)))
			return -EFAULT;
	}
	return count;
}
