// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changing one entry of a page table, and the hypercall that changes many: mmu_update (xen/xen.h, HYPERVISOR_mmu_update).
 *
 * An update takes the references of the new entry, writes it, and only then drops those of the old one, after the table's
 * lock. The processor sets A and D meanwhile; nothing depends on them. No TLB is flushed here: that is the guest's to ask,
 * and the hypervisor's own safety does not rest on it (mm_types.c).
 */
#include "pv/mm_joint.h"
#include "pv/mm_priv.h"
#include "gmem/guest_access.h"

/* --- one entry --- */

/* Writes under the table's lock: false if PT_CMPXCHG found something else. */
static bool entry_write(uint64_t *pe, uint64_t val, struct pt_update *u)
{
	uint64_t old;

	switch (u->how) {
	case PT_SET:
		WRITE_ONCE(*pe, val);
		return true;
	case PT_KEEP_AD:
		do {
			old = READ_ONCE(*pe);
		} while (cmpxchg(pe, old, val | (old & (PTE_A | PTE_D))) != old);
		return true;
	case PT_CMPXCHG:
		break;
	}
	old = cmpxchg(pe, u->expected, val);
	if (old == u->expected)
		return true;
	u->expected = old;
	return false;
}

/* The old entry whose references are to be dropped is returned in *dead (0: none). */
static int l1_change(struct frame *l1, unsigned idx, uint64_t val, struct pt_update *u, uint64_t *dead)
{
	uint64_t *pe = (uint64_t *)frame_va(l1) + idx, old = READ_ONCE(*pe), fresh = val;
	int rc;

	*dead = 0;
	if (!(val & PTE_P)) {
		if (pv_l1tf_unsafe(u->d, val))
			return -EINVAL;
		if (!entry_write(pe, val, u))
			return 1;
		pv_entry_changed(u->d, l1, idx);
		*dead = old;
		return 0;
	}
	/* The same frame with no more rights: nothing to take. What the frame's references are stays as it is. */
	if ((old & PTE_P) && !((old ^ val) & (PTE_ADDR | PTE_CACHE)) && !(val & ~old & PTE_W)) {
		uint64_t grant = old & PTE_GRANT;

		fresh &= ~grant;
		rc = pv_l1e_adjust(&fresh, u->d);
		if (rc)
			return rc;
		if (!entry_write(pe, fresh | grant, u))
			return 1;
		pv_entry_changed(u->d, l1, idx);
		if ((old & ~fresh & PTE_W) && !grant && mfn_counted(pte_mfn(old)))
			pv_l1e_drop_write(frame_of(pte_mfn(old)), u->d);
		return 0;
	}
	rc = pv_l1e_get(&fresh, u->d, u->frame_owner);
	if (rc)
		return rc;
	if (!entry_write(pe, fresh, u)) {
		*dead = fresh;
		return 1;
	}
	pv_entry_changed(u->d, l1, idx);
	*dead = old;
	return 0;
}

static int upper_change(struct frame *self, unsigned idx, uint64_t val, uint64_t type, struct pt_update *u, uint64_t *dead)
{
	uint64_t *pe = (uint64_t *)frame_va(self) + idx, old = READ_ONCE(*pe), fresh = val;
	int rc;

	*dead = 0;
	if (!(val & PTE_P) && pv_l1tf_unsafe(u->d, val))
		return -EINVAL;
	if ((val & PTE_P) && (old & PTE_P) && !((old ^ val) & ~UPPER_FREE_BITS) &&
	    !(type == FTYPE_L4 && pte_mfn(val).n == frame_mfn(self).n)) {
		rc = pv_upper_adjust(&fresh);
		if (rc)
			return rc;
		entry_write(pe, fresh, u);
		pv_entry_changed(u->d, self, idx);
		return 0;
	}
	rc = pv_upper_get(&fresh, type, self, u->d, true);
	if (rc)
		return rc;
	entry_write(pe, fresh, u);
	pv_entry_changed(u->d, self, idx);
	*dead = old;
	return 0;
}

/* A linked table failed to validate: what was done of it is taken apart later. */
static void failed_link(uint64_t val, struct frame *self, struct domain *d)
{
	struct frame *low = pv_upper_frame(val, self);

	if (low && frame_get(low, d->id))
		pv_put_failed(low);
}

static void drop_dead(uint64_t dead, uint64_t type, struct frame *f, struct domain *d)
{
	struct frame *low;

	if (!(dead & PTE_P))
		return;
	if (type == FTYPE_L1) {
		pv_l1e_put(dead, d);
		return;
	}
	low = pv_upper_frame(dead, f);
	if (low)
		pv_put_table_later(low);
	else
		frame_put(f);	/* the L4's map of itself */
}

/* Of an L1 table that the caller has locked. */
static int l1_update_locked(struct frame *f, unsigned idx, uint64_t val, struct pt_update *u)
{
	uint64_t dead;
	int rc = l1_change(f, idx, val, u, &dead);

	if (dead & PTE_P)
		pv_l1e_put(dead, u->d);
	return rc;
}

int pv_table_update(struct frame *f, unsigned idx, uint64_t val, struct pt_update *u)
{
	uint64_t type, dead;
	int rc;

	if (!pv_table_lock(f, &type))
		return -ENOENT;
	if (type == FTYPE_L1) {
		rc = l1_change(f, idx, val, u, &dead);
	} else if (u->l1_only) {
		pv_table_unlock(f);
		return -ENOENT;
	} else if (type == FTYPE_L4 && !slot_is_guests(idx)) {
		rc = -EINVAL;
		dead = 0;
	} else {
		rc = upper_change(f, idx, val, type, u, &dead);
	}
	pv_table_unlock(f);
	if (type == FTYPE_L4 && rc >= 0)
		pv_joint_changed(u->d, f, idx);
	if (dead)
		drop_dead(dead, type, f, u->d);
	if (rc < 0 && rc != -EAGAIN_HYPERCALL && type > FTYPE_L2)
		failed_link(val, f, u->d);
	return rc;
}

int pv_l1e_exchange(struct frame *l1, unsigned idx, uint64_t val, bool (*match)(uint64_t e, const void *arg), const void *arg,
		    uint64_t *old)
{
	uint64_t type, *pe = (uint64_t *)frame_va(l1) + idx;
	int rc = 0;

	if (!pv_table_lock(l1, &type))
		return -ENOENT;
	if (type != FTYPE_L1)
		rc = -ENOENT;
	else if (match && !match(READ_ONCE(*pe), arg))
		rc = -EINVAL;
	else
		*old = xchg(pe, val);
	if (!rc)
		pv_entry_changed(current->domain, l1, idx);
	pv_table_unlock(l1);
	return rc;
}

/* --- mmu_update --- */

void pv_done_out(uint32_t *guest, uint32_t done)
{
	size_t lost = guest ? guest_copy_out(guest, &done, sizeof(done)) : 0;

	(void)lost;
}

/*
 * 'frame' is what the last request wrote to, with a page reference: requests tend to come in runs for one table. An L1 table is
 * locked; any other frame is held as writable ('plain'), for there the guest may write what it likes.
 */
struct mmu_batch { struct domain *table_owner, *frame_owner; struct frame *frame; bool plain; };

static void batch_close(struct mmu_batch *b)
{
	if (!b->frame)
		return;
	if (b->plain)
		pv_type_put(b->frame);
	else
		pv_table_unlock(b->frame);
	frame_put(b->frame);
	b->frame = NULL;
}

/* Makes the frame of the request the batch's, or does the request, to an upper table, and sets *done. */
static int batch_open(const struct mmu_update *req, struct mmu_batch *b, struct pt_update *u, bool *done)
{
	struct frame *f = pv_frame_get(MFN(req->ptr >> PAGE_SHIFT), b->table_owner);
	uint64_t type;
	int rc = 0;

	if (!f)
		return -EINVAL;
	b->plain = !pv_table_lock(f, &type);
	if (b->plain ? pv_get_writable(f, b->table_owner) : type == FTYPE_L1) {
		b->frame = f;
		return 0;
	}
	if (b->plain) {
		rc = -EINVAL;
	} else {
		pv_table_unlock(f);
		rc = pv_table_update(f, (req->ptr & ~PAGE_MASK) >> 3, req->val, u);
		*done = true;
	}
	frame_put(f);
	return rc == -ENOENT ? -EINVAL : rc;
}

static int update_entry(const struct mmu_update *req, struct mmu_batch *b)
{
	struct pt_update u = { .d = b->table_owner, .frame_owner = b->frame_owner };
	unsigned idx = (req->ptr & ~PAGE_MASK) >> 3;

	u.how = (req->ptr & 3) == MMU_PT_UPDATE_PRESERVE_AD ? PT_KEEP_AD : PT_SET;
	if (unlikely(req->ptr & 4))
		return -EINVAL;
	if (!b->frame || frame_mfn(b->frame).n != req->ptr >> PAGE_SHIFT) {
		bool done = false;
		int rc;

		batch_close(b);
		rc = batch_open(req, b, &u, &done);
		if (rc || done)
			return rc;
	}
	if (!b->plain)
		return l1_update_locked(b->frame, idx, req->val, &u);
	WRITE_ONCE(((uint64_t *)frame_va(b->frame))[idx], req->val);
	frame_dirtied(b->frame);
	return 0;
}

static int update_m2p(const struct mmu_update *req, const struct mmu_batch *b)
{
	mfn_t m = MFN(req->ptr >> PAGE_SHIFT);
	struct frame *f = pv_frame_get(m, b->frame_owner);

	if (!f)
		return -EINVAL;
	m2p_set(m, req->val);
	frame_dirtied(f);
	frame_put(f);
	return 0;
}

static int update_one(const struct mmu_update *req, struct mmu_batch *b)
{
	return (req->ptr & 3) == MMU_MACHPHYS_UPDATE ? update_m2p(req, b) : update_entry(req, b);
}

#define CHUNK 4u	/* requests that are copied in at once */

/* Does requests [0, count); *done says how many were. -EAGAIN_HYPERCALL: preempted */
static int batch_run(const struct mmu_update *guest, uint32_t count, struct mmu_batch *b, uint32_t *done)
{
	struct mmu_update req[CHUNK];
	int rc = 0;

	for (uint32_t i = 0, n = 0; i < count; i++) {
		if (i % CHUNK == 0) {
			size_t lost;

			if (i && hypercall_preempt_check()) {
				rc = -EAGAIN_HYPERCALL;
				break;
			}
			n = MIN(count - i, CHUNK);
			lost = guest_copy_in(req, &guest[i], n * sizeof(*req));
			n -= DIV_ROUND_UP(lost, sizeof(*req));
		}
		if (unlikely(current->pv->old_table)) {
			batch_close(b);		/* its tables may be among what is taken apart */
			rc = pv_settle_old(current);
			if (rc)
				break;
		}
		rc = i % CHUNK < n ? update_one(&req[i % CHUNK], b) : -EFAULT;
		if (rc)
			break;
		++*done;
	}
	batch_close(b);
	return rc;
}

/* As batch_run does one, which is what a kernel's fault handler asks for. */
static int batch_one(const struct mmu_update *guest, struct mmu_batch *b, uint32_t *done)
{
	struct mmu_update req;
	int rc;

	if (guest_copy_in(&req, guest, sizeof(req)))
		return -EFAULT;
	rc = update_one(&req, b);
	batch_close(b);
	*done = !rc;
	return rc;
}

static int batch_owners(uint32_t foreign, struct mmu_batch *b)
{
	struct domain *d = current->domain;
	int err;

	b->table_owner = d;
	if (foreign >> 16) {
		domid_t id = (foreign >> 16) - 1;

		b->table_owner = id == d->id ? d : domain_lookup(id);
		if (!b->table_owner || !b->table_owner->pv)
			return b->table_owner ? -EINVAL : -ESRCH;
		if (!domain_may_control(d, b->table_owner))
			return -EPERM;
	}
	b->frame_owner = pv_frame_owner((domid_t)foreign, &err);
	return b->frame_owner ? 0 : err;
}

/* mmu_update(ureqs, count, pdone, foreigndom) */
long hc_mmu_update(struct hypercall *h)
{
	const struct mmu_update *req = (const void *)h->a[0];
	uint32_t count = h->a[1], done = 0, before = 0;
	uint32_t *guest_done = (void *)h->a[2];
	struct mmu_batch b = { .frame = NULL };
	int rc;

	if (pv_settle_old(current))
		return hypercall_again(h);
	if (count & MMU_UPDATE_PREEMPTED) {
		count &= ~MMU_UPDATE_PREEMPTED;
		if (guest_done && guest_copy_in(&before, guest_done, sizeof(before)))
			return -EFAULT;
	}
	rc = batch_owners(h->a[3], &b);
	if (rc)
		return rc;
	rc = count == 1 ? batch_one(req, &b, &done) : batch_run(req, count, &b, &done);
	if (guest_done)
		pv_done_out(guest_done, before + done);
	if (rc != -EAGAIN_HYPERCALL)
		return rc;
	h->a[0] = (uint64_t)&req[done];
	h->a[1] = (count - done) | MMU_UPDATE_PREEMPTED;
	return hypercall_again(h);
}
