// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Death of a PV domain's page tables. Its vCPUs are paused for good. Roots go first, then pins; with the last type reference a
 * table is taken apart, so that after one pass over the frames no type reference of a table is left but those that another
 * domain's hypercall under way drops itself.
 */
#include "pv/mm_priv.h"
#include "pv/mm_log.h"
#include "sched/sched.h"

enum { STEP_SHADOWS, STEP_ROOTS, STEP_PINS, STEP_DONE };

static void drop_vcpu_roots(struct domain *d)
{
	struct vcpu *v;

	domain_flush_lazy(d);
	for_each_vcpu(d, v) {
		uint64_t root[2];

		if (!v->pv)
			continue;
		root[0] = xchg(&v->pv->guest_table, 0);
		root[1] = xchg(&v->pv->guest_table_user, 0);
		for (unsigned i = 0; i < 2; i++) {
			struct frame *f;

			if (!root[i])
				continue;
			/* Half taken apart is fine: the pass over the frames goes on with it. */
			f = frame_of(MFN(root[i]));
			pv_type_put_preemptible(f);
			frame_put(f);
		}
	}
}

static int relinquish_frame(struct domain *d, struct frame *f)
{
	uint64_t old;
	int rc = 0;

	if (hypercall_preempt_check())
		return -EAGAIN_HYPERCALL;
	if (!frame_get(f, d->id))
		return 0;
	if (READ_ONCE(f->type) & FTYPE_PINNED) {
		old = __atomic_fetch_and(&f->type, ~FTYPE_PINNED, __ATOMIC_SEQ_CST);
		if (old & FTYPE_PINNED) {
			rc = pv_type_put_preemptible(f);
			frame_put(f);	/* the pin's */
		}
	}
	if (!rc)
		rc = pv_type_settle(f, true);
	frame_put(f);
	return rc;
}

int pv_relinquish_memory(struct domain *d)
{
	struct pv_domain *pv = d->pv;
	struct vcpu *v;
	int rc;

	if (pv->relinquish_step == STEP_SHADOWS) {
		rc = pv_log_dirty_end(d);
		if (rc)
			return rc;
		pv->relinquish_step = STEP_ROOTS;
	}
	if (pv->relinquish_step == STEP_ROOTS) {
		for_each_vcpu(d, v) {
			rc = v->pv ? pv_settle_old(v) : 0;
			if (rc)
				return rc;
		}
		drop_vcpu_roots(d);
		pv->relinquish_cursor = 0;
		pv->relinquish_step = STEP_PINS;
	}
	if (pv->relinquish_step == STEP_PINS) {
		rc = domain_for_each_frame(d, &pv->relinquish_cursor, relinquish_frame);
		if (rc)
			return rc;
		pv->relinquish_step = STEP_DONE;
	}
	return 0;
}
