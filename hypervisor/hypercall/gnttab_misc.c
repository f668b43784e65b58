// SPDX-License-Identifier: GPL-2.0-or-later
/* GNTTABOP_*: set-up, sizes, versions, swap, cache maintenance. */
#include "hypercall/gnttab_misc.h"
#include "hypercall/gnttab_entry.h"
#include "lib/string.h"

long gnttab_setup_table(struct gnttab_setup_table *uop, unsigned count)
{
	struct gnttab_setup_table op;
	struct domain *d;
	struct grant_table *gt;

	if (count != 1)
		return -EINVAL;
	if (guest_copy_in(&op, uop, sizeof(op)))
		return -EFAULT;
	d = gnttab_target(op.dom, &op.status);
	if (!d)
		goto out;
	gt = d->grants;
	spin_lock(&gt->lock);
	if (op.nr_frames > gt->nr_frames && gnttab_grow(d, op.nr_frames))
		op.status = GNTST_general_error;
	spin_unlock(&gt->lock);
	/* Frames never go while the domain lives: what is told of them needs no lock. */
	for (unsigned i = 0; !op.status && i < op.nr_frames; i++) {
		xen_pfn_t mfn = va_to_mfn(gt->shared[i]).n;

		if (copy_to_guest_offset(op.frame_list, i, &mfn, 1))
			op.status = GNTST_bad_virt_addr;
	}
	domain_put(d);
out:
	return guest_copy_out(&uop->status, &op.status, sizeof(op.status)) ? -EFAULT : (long)count;
}

long gnttab_query_size(struct gnttab_query_size *uop, unsigned count)
{
	struct gnttab_query_size op;
	struct domain *d;

	if (count != 1)
		return -EINVAL;
	if (guest_copy_in(&op, uop, sizeof(op)))
		return -EFAULT;
	d = gnttab_target(op.dom, &op.status);
	if (d) {
		/* the first is made when asked for */
		op.nr_frames = MAX(READ_ONCE(d->grants->nr_frames), 1u);
		op.max_nr_frames = d->grants->max_frames;
		domain_put(d);
	}
	return guest_copy_out(uop, &op, sizeof(op)) ? -EFAULT : (long)count;
}

long gnttab_get_status_frames(struct gnttab_get_status_frames *uop, unsigned count)
{
	struct gnttab_get_status_frames op;
	struct domain *d;
	struct grant_table *gt;

	if (count != 1)
		return -EINVAL;
	if (guest_copy_in(&op, uop, sizeof(op)))
		return -EFAULT;
	d = gnttab_target(op.dom, &op.status);
	if (!d)
		goto out;
	gt = d->grants;
	spin_lock(&gt->lock);
	if (gt->version != 2 || op.nr_frames > gnttab_status_frames_for(gt->nr_frames))
		op.status = GNTST_general_error;
	spin_unlock(&gt->lock);
	for (unsigned i = 0; !op.status && i < op.nr_frames; i++) {
		uint64_t mfn = va_to_mfn(gt->status[i]).n;

		if (copy_to_guest_offset(op.frame_list, i, &mfn, 1))
			op.status = GNTST_bad_virt_addr;
	}
	domain_put(d);
out:
	return guest_copy_out(&uop->status, &op.status, sizeof(op.status)) ? -EFAULT : (long)count;
}

/* ---- versions ---- */

/* The first entries, which tools fill, as version 1 would show them. lock held. */
static void save_reserved(const struct grant_table *gt, grant_entry_v1_t *r)
{
	for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
		const grant_entry_v2_t *e;

		if (gt->version == 1) {
			r[ref] = *gnttab_v1(gt, ref);
			continue;
		}
		e = gnttab_v2(gt, ref);
		r[ref] = (grant_entry_v1_t){ .flags = READ_ONCE(e->hdr.flags), .domid = e->hdr.domid };
		if ((r[ref].flags & GTF_type_mask) != GTF_permit_access || (r[ref].flags & GTF_sub_page))
			r[ref] = (grant_entry_v1_t){ .flags = GTF_invalid };	/* version 1 cannot say it */
		else
			r[ref].frame = e->full_page.frame;
		r[ref].flags |= *gnttab_status(gt, ref) & (GTF_reading | GTF_writing);
	}
}

static void restore_reserved(struct grant_table *gt, const grant_entry_v1_t *r)
{
	for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
		grant_entry_v2_t *e;

		if (gt->version == 1) {
			*gnttab_v1(gt, ref) = r[ref];
			continue;
		}
		e = gnttab_v2(gt, ref);
		e->hdr.flags = r[ref].flags & ~(GTF_reading | GTF_writing);
		e->hdr.domid = r[ref].domid;
		e->full_page.frame = r[ref].frame;
		*gnttab_status(gt, ref) = r[ref].flags & (GTF_reading | GTF_writing);
	}
}

/*
 * Status frames mean nothing in version 1: the guest must have let go of them, as with Xen. They stay for
 * the next time.
 */
static bool status_mapped(const struct grant_table *gt)
{
	for (unsigned i = 0; i < gt->nr_status_frames; i++)
		if (frame_refs(frame_of(va_to_mfn(gt->status[i]))) > 1)
			return true;
	return false;
}

static int set_version_locked(struct domain *d, unsigned version)
{
	struct grant_table *gt = d->grants;
	grant_entry_v1_t reserved[GNTTAB_NR_RESERVED_ENTRIES];
	int err;

	if (gt->version == version)
		return 0;
	for (grant_ref_t ref = GNTTAB_NR_RESERVED_ENTRIES; ref < gnttab_nr_entries(gt); ref++)
		if (gnttab_pinned(gt, ref))
			return -EBUSY;
	if (version == 1 && status_mapped(gt))
		return -EBUSY;
	err = gnttab_grow(d, MAX(gt->nr_frames, 1u));
	if (!err && version == 2)
		err = gnttab_grow_status(d, gt->nr_frames);
	if (err)
		return err;
	save_reserved(gt, reserved);
	for (unsigned i = 0; i < gt->nr_frames; i++)
		memset(gt->shared[i], 0, PAGE_SIZE);
	for (unsigned i = 0; i < gt->nr_status_frames; i++)
		memset(gt->status[i], 0, PAGE_SIZE);
	gt->version = version;
	restore_reserved(gt, reserved);
	return 0;
}

long gnttab_set_version(struct gnttab_set_version *uop, unsigned count)
{
	struct domain *d = current->domain;
	struct gnttab_set_version op;
	long err;

	if (count != 1)
		return -EINVAL;
	if (guest_copy_in(&op, uop, sizeof(op)))
		return -EFAULT;
	if (op.version != 1 && op.version != 2) {
		err = -EINVAL;
	} else if (op.version > d->grants->max_version) {
		err = -ENOSYS;	/* as if there were no such call */
	} else {
		spin_lock(&d->grants->lock);
		err = set_version_locked(d, op.version);
		spin_unlock(&d->grants->lock);
	}
	op.version = READ_ONCE(d->grants->version);
	if (guest_copy_out(uop, &op, sizeof(op)))
		return -EFAULT;
	return err ? err : (long)count;
}

long gnttab_get_version(struct gnttab_get_version *uop, unsigned count)
{
	struct gnttab_get_version op;
	struct domain *d;
	int16_t status;

	if (count != 1)
		return -EINVAL;
	if (guest_copy_in(&op, uop, sizeof(op)))
		return -EFAULT;
	d = gnttab_target(op.dom, &status);
	if (!d)
		return status == GNTST_bad_domain ? -ESRCH : -EPERM;
	op.version = READ_ONCE(d->grants->version);
	domain_put(d);
	return guest_copy_out(&uop->version, &op.version, sizeof(op.version)) ? -EFAULT : (long)count;
}

/* ---- swap ---- */

static int swap_locked(struct grant_table *gt, grant_ref_t a, grant_ref_t b)
{
	if (a >= gnttab_nr_entries(gt) || b >= gnttab_nr_entries(gt))
		return GNTST_bad_gntref;
	if (a == b)
		return GNTST_okay;
	if (gnttab_pinned(gt, a) || gnttab_pinned(gt, b))
		return GNTST_eagain;
	if (gt->version == 1) {
		grant_entry_v1_t t = *gnttab_v1(gt, a);

		*gnttab_v1(gt, a) = *gnttab_v1(gt, b);
		*gnttab_v1(gt, b) = t;
	} else {
		grant_entry_v2_t t = *gnttab_v2(gt, a);
		grant_status_t s = *gnttab_status(gt, a);

		*gnttab_v2(gt, a) = *gnttab_v2(gt, b);
		*gnttab_v2(gt, b) = t;
		*gnttab_status(gt, a) = *gnttab_status(gt, b);
		*gnttab_status(gt, b) = s;
	}
	return GNTST_okay;
}

long gnttab_swap(struct gnttab_swap_grant_ref *uop, unsigned count)
{
	struct grant_table *gt = current->domain->grants;
	struct gnttab_swap_grant_ref op;

	for (unsigned i = 0; i < count; i++) {
		if (i && hypercall_preempt_check())
			return i;
		if (guest_copy_in(&op, &uop[i], sizeof(op)))
			return -EFAULT;
		spin_lock(&gt->lock);
		op.status = swap_locked(gt, op.ref_a, op.ref_b);
		spin_unlock(&gt->lock);
		if (guest_copy_out(&uop[i].status, &op.status, sizeof(op.status)))
			return -EFAULT;
	}
	return count;
}

/* ---- cache maintenance ---- */

#define CACHE_LINE 64

/* Is mfn of owner granted to, and in use by, domain 'who'? */
static bool grant_in_use(struct domain *owner, mfn_t mfn, domid_t who)
{
	struct grant_table *gt = owner->grants;
	bool found = false;

	spin_lock(&gt->lock);
	for (grant_ref_t ref = 0; ref < gnttab_nr_entries(gt) && !found; ref++) {
		const struct active_grant *a = gnttab_active(gt, ref);

		if (!a)
			ref |= ACTIVE_CHUNK - 1;	/* a chunk that was never used */
		else
			found = (a->readers || a->writers) && a->domid == who && mfn_eq(a->mfn, mfn);
	}
	spin_unlock(&gt->lock);
	return found;
}

static int cache_flush_one(const struct gnttab_cache_flush *op)
{
	struct domain *d = current->domain, *owner;
	mfn_t mfn = MFN(op->a.dev_bus_addr >> PAGE_SHIFT);
	struct frame *f;
	domid_t owner_id;
	char *p, *end;

	if (op->offset >= PAGE_SIZE || op->length > PAGE_SIZE - op->offset)
		return -EINVAL;
	if (!op->length || !op->op)
		return 0;
	if (op->op & GNTTAB_CACHE_SOURCE_GREF)
		return -EOPNOTSUPP;
	if (op->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL))
		return -EINVAL;
	if (!mfn_valid(mfn))
		return -EINVAL;
	f = frame_of(mfn);
	if (!frame_get_any(f, &owner_id))
		return -EPERM;
	owner = owner_id == d->id ? d : domain_lookup_any(owner_id);
	if (!owner || !owner->grants || (owner != d && !grant_in_use(owner, mfn, d->id))) {
		frame_put(f);
		return owner && owner->grants ? -EINVAL : -EPERM;
	}
	/* CLFLUSH cleans and invalidates: more than is asked is allowed. */
	p = (char *)frame_va(f) + op->offset;
	for (end = p + op->length; p < end; p += CACHE_LINE)
		__asm__ volatile("clflush %0" : "+m"(*p));
	__asm__ volatile("clflush %0; mfence" : "+m"(end[-1]) :: "memory");
	frame_put(f);
	return 0;
}

long gnttab_cache_flush(struct gnttab_cache_flush *uop, unsigned count)
{
	struct gnttab_cache_flush op;

	for (unsigned i = 0; i < count; i++) {
		int err;

		if (i && hypercall_preempt_check())
			return i;
		if (guest_copy_in(&op, &uop[i], sizeof(op)))
			return -EFAULT;
		err = cache_flush_one(&op);
		if (err)
			return err;
	}
	return count;
}
