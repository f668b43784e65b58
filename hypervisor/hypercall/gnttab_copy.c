// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GNTTABOP_copy: netback's hot path. A side of a copy stays open from one element to the next, since
 * callers fill a page piece by piece from one grant.
 */
#include "hypercall/gnttab_copy.h"
#include "hypercall/gnttab_entry.h"
#include "lib/string.h"
#include "pv/mm.h"

struct side {
	bool open, write, is_ref;
	domid_t domid;			/* as the caller said it */
	uint64_t name;			/* ref or frame */
	struct domain *d;		/* whose page it is; referenced */
	struct grant_pin pin;
	bool pinned;
	struct grant_pin via;		/* of a transitive grant: the first of the two */
	bool via_pinned;
	struct domain *via_d;
	struct frame *frame;		/* a reference is held; by the pin if there is one */
	uint16_t start, length;
};

static void side_close(struct side *s)
{
	if (!s->open)
		return;
	if (s->write) {
		frame_dirtied(s->frame);
		pv_type_put(s->frame);
	}
	if (s->pinned)
		grant_unpin(&s->pin);
	else
		frame_put(s->frame);
	if (s->via_pinned)
		grant_unpin(&s->via);
	if (s->via_d)
		domain_put(s->via_d);
	domain_put(s->d);
	*s = (struct side){ .open = false };
}

static int open_frame(struct side *s)
{
	struct domain *d = s->d;

	if (!mfn_valid(MFN(s->name)) || !frame_get(frame_of(MFN(s->name)), d->id))
		return GNTST_bad_page;
	s->frame = frame_of(MFN(s->name));
	s->start = 0;
	s->length = PAGE_SIZE;
	return GNTST_okay;
}

/* The grant that a transitive one names, used by the domain that passed it on. One step only. */
static int open_transitive(struct side *s, unsigned how)
{
	struct domain *td;
	int rc;

	s->via = s->pin;
	if (s->via.trans_domid == s->d->id)
		return GNTST_general_error;
	td = domain_lookup(s->via.trans_domid);
	if (!td || !td->grants || !domain_get(td))
		return GNTST_general_error;
	rc = grant_pin(td, s->via.trans_ref, s->d->id, how, &s->pin);
	if (!rc && s->pin.transitive) {
		grant_unpin(&s->pin);
		rc = GNTST_general_error;
	}
	if (rc) {
		domain_put(td);
		return rc;
	}
	s->via_pinned = true;
	s->via_d = s->d;
	s->d = td;
	return GNTST_okay;
}

static int open_ref(struct side *s)
{
	unsigned how = s->write ? PIN_WRITE : 0;
	int rc = grant_pin(s->d, s->name, current->domain->id, how, &s->pin);

	if (rc)
		return rc;
	if (s->pin.transitive) {
		rc = open_transitive(s, how);
		if (rc) {
			grant_unpin(&s->via);
			return rc;
		}
	}
	s->pinned = true;
	s->frame = frame_of(s->pin.mfn);
	s->start = s->pin.start;
	s->length = s->pin.length;
	return GNTST_okay;
}

static void side_abandon(struct side *s)
{
	s->open = true;
	s->write = false;	/* no type reference was taken */
	side_close(s);
}

static int side_open(struct side *s, const struct gnttab_copy_ptr *ptr, bool is_ref, bool write)
{
	uint64_t name = is_ref ? ptr->u.ref : ptr->u.gmfn;
	int rc;

	if (s->open && s->is_ref == is_ref && s->domid == ptr->domid && s->name == name)
		return GNTST_okay;
	side_close(s);
	if (!is_ref && ptr->domid != DOMID_SELF)
		return GNTST_permission_denied;
	s->d = domain_resolve(ptr->domid);
	if (!s->d)
		return GNTST_bad_domain;
	s->is_ref = is_ref;
	s->domid = ptr->domid;
	s->name = name;
	s->write = write;
	rc = is_ref ? open_ref(s) : open_frame(s);
	if (rc) {
		domain_put(s->d);
		*s = (struct side){ .open = false };
		return rc;
	}
	if (write && !pv_get_writable(s->frame, s->d)) {
		side_abandon(s);
		return GNTST_general_error;
	}
	s->open = true;
	return GNTST_okay;
}

static bool within(const struct side *s, uint16_t offset, uint16_t len)
{
	return offset >= s->start && (unsigned)offset + len <= (unsigned)s->start + s->length;
}

static int copy_one(const struct gnttab_copy *op, struct side *src, struct side *dst)
{
	int rc;

	if ((unsigned)op->source.offset + op->len > PAGE_SIZE ||
	    (unsigned)op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	rc = side_open(src, &op->source, op->flags & GNTCOPY_source_gref, false);
	if (rc)
		return rc;
	rc = side_open(dst, &op->dest, op->flags & GNTCOPY_dest_gref, true);
	if (rc)
		return rc;
	if (!within(src, op->source.offset, op->len) || !within(dst, op->dest.offset, op->len))
		return GNTST_general_error;
	/* Both may be in one page. */
	memmove(frame_va(dst->frame) + op->dest.offset, frame_va(src->frame) + op->source.offset, op->len);
	return GNTST_okay;
}

long gnttab_copy(struct gnttab_copy *uop, unsigned count)
{
	struct side src = { .open = false }, dst = { .open = false };
	struct gnttab_copy op;
	long ret = count;

	for (unsigned i = 0; i < count; i++) {
		if (i && hypercall_preempt_check()) {
			ret = i;
			break;
		}
		ret = -EFAULT;
		if (guest_copy_in(&op, &uop[i], sizeof(op)))
			break;
		op.status = copy_one(&op, &src, &dst);
		if (guest_copy_out(&uop[i].status, &op.status, sizeof(op.status)))
			break;
		ret = count;
	}
	side_close(&src);
	side_close(&dst);
	return ret;
}
