// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * XENMEM_exchange: a PV guest gives frames and gets others, contiguous or below an address (xen/memory.h).
 * In chunks: the larger extent of both sides. Per chunk: take the new frames, then the old ones away, then
 * hand out; until the old are gone everything can be undone.
 */
#include "hypercall/memory_reserve.h"
#include "hypercall/memory_exchange.h"
#include "hypercall/memory.h"
#include "mem/alloc.h"
#include "mem/m2p.h"
#include "mem/heap.h"

#define EXCHANGE_MAX_ORDER 12u	/* 16 MiB: a chunk is not cut */

struct exchange {
	struct xen_memory_exchange x;
	struct domain *d;
	unsigned flags;
	unsigned in_chunk, out_chunk;	/* orders: extents of a side per chunk */
	struct frame **in;		/* frames of a chunk */
	struct frame **out;		/* first frames of the new extents */
};

static int check(struct exchange *e)
{
	const struct xen_memory_reservation *in = &e->x.in, *out = &e->x.out;

	if (MAX(in->extent_order, out->extent_order) > MIN(caller_max_order(), EXCHANGE_MAX_ORDER))
		return -EPERM;
	if (in->nr_extents > ~0ul >> (EXCHANGE_MAX_ORDER + PAGE_SHIFT) ||
	    out->nr_extents > ~0ul >> (EXCHANGE_MAX_ORDER + PAGE_SHIFT))
		return -EINVAL;
	if (in->domid != out->domid || e->x.nr_exchanged > in->nr_extents ||
	    in->nr_extents << in->extent_order != out->nr_extents << out->extent_order)
		return -EINVAL;
	if (in->extent_order <= out->extent_order) {
		e->in_chunk = out->extent_order - in->extent_order;
		e->out_chunk = 0;
	} else {
		e->in_chunk = 0;
		e->out_chunk = in->extent_order - out->extent_order;
	}
	/* whole chunks only, also where it goes on from */
	if (e->x.nr_exchanged & ((1ul << e->in_chunk) - 1) || in->nr_extents & ((1ul << e->in_chunk) - 1))
		return -EINVAL;
	return 0;
}

static void put_new(struct exchange *e, unsigned n)
{
	while (n--)
		frames_free(e->out[n], e->x.out.extent_order, false);
}

static int get_new(struct exchange *e)
{
	for (unsigned j = 0; j < 1u << e->out_chunk; j++) {
		e->out[j] = frames_alloc(e->x.out.extent_order, e->flags);
		/* Also what can fail when they become the guest's, which is too late. */
		if (!e->out[j] || !m2p_back(frame_mfn(e->out[j]), 1ul << e->x.out.extent_order)) {
			put_new(e, j + (e->out[j] != NULL));
			return -ENOMEM;
		}
	}
	return 0;
}

/* A frame that is nobody's: back to its owner, or, where the owner is dying, to the allocator. */
static void give_back_old(struct exchange *e, unsigned n)
{
	while (n--)
		if (domain_assign_frames(e->d, e->in[n], 0))
			frames_free(e->in[n], 0, true);
}

static int steal_extent(struct exchange *e, unsigned long extent, unsigned *n)
{
	xen_pfn_t gmfn;

	if (copy_from_guest_offset(&gmfn, e->x.in.extent_start, extent, 1))
		return -EFAULT;
	for (unsigned long k = 0; k < 1ul << e->x.in.extent_order; k++) {
		mfn_t m = MFN(gmfn + k);
		struct frame *f;

		if (!mfn_valid(m))
			return -EINVAL;
		f = frame_of(m);
		if (domain_steal_frame(e->d, f))
			return -EINVAL;
		e->in[(*n)++] = f;
	}
	return 0;
}

static int take_old(struct exchange *e, unsigned long chunk)
{
	unsigned n = 0;
	int rc = 0;

	for (unsigned long j = 0; !rc && j < 1ul << e->in_chunk; j++)
		rc = steal_extent(e, (chunk << e->in_chunk) + j, &n);
	if (rc)
		give_back_old(e, n);
	return rc;
}

/*
 * The new extents become the guest's at the places that it names. A failure loses it what is left: its own
 * list was bad.
 */
static int hand_out(struct exchange *e, unsigned long chunk)
{
	int rc = 0;

	for (unsigned long j = 0; j < 1ul << e->out_chunk; j++) {
		unsigned long at = (chunk << e->out_chunk) + j;
		xen_pfn_t gpfn, mfn = frame_mfn(e->out[j]).n;
		int err = domain_assign_frames(e->d, e->out[j], e->x.out.extent_order);

		if (err) {
			frames_free(e->out[j], e->x.out.extent_order, false);
			rc = err;
			continue;
		}
		if (copy_from_guest_offset(&gpfn, e->x.out.extent_start, at, 1)) {
			rc = -EFAULT;
			gpfn = M2P_INVALID;
		}
		for (unsigned long k = 0; k < 1ul << e->x.out.extent_order; k++)
			m2p_set(MFN(mfn + k), gpfn == M2P_INVALID ? gpfn : gpfn + k);
		if (copy_to_guest_offset(e->x.out.extent_start, at, &mfn, 1))
			rc = -EFAULT;
	}
	return rc;
}

static int exchange_chunk(struct exchange *e, unsigned long chunk)
{
	unsigned n = 1u << (e->in_chunk + e->x.in.extent_order);
	int rc = get_new(e);

	if (rc)
		return rc;
	rc = take_old(e, chunk);
	if (rc) {
		put_new(e, 1u << e->out_chunk);
		return rc;
	}
	while (n--) {
		m2p_set(frame_mfn(e->in[n]), M2P_INVALID);
		frames_free(e->in[n], 0, true);
	}
	return hand_out(e, chunk);
}

static long run(struct hypercall *h, struct exchange *e, struct xen_memory_exchange *guest)
{
	unsigned long chunk = e->x.nr_exchanged >> e->in_chunk, first = chunk;
	unsigned long end = e->x.in.nr_extents >> e->in_chunk;
	bool again = false;
	long rc = 0;

	for (; chunk < end && !rc; chunk++) {
		if (chunk != first && hypercall_preempt_check()) {
			again = true;
			break;
		}
		rc = exchange_chunk(e, chunk);
		if (rc)
			break;
	}
	e->x.nr_exchanged = chunk << e->in_chunk;
	if (guest_copy_out(&guest->nr_exchanged, &e->x.nr_exchanged, sizeof(e->x.nr_exchanged)))
		return rc ?: -EFAULT;
	return again ? hypercall_again(h) : rc;
}

long memory_exchange(struct hypercall *h, void *arg, unsigned long start)
{
	struct exchange e = { 0 };
	int err;
	long rc;

	if (start)
		return -EINVAL;
	if (guest_copy_in(&e.x, arg, sizeof(e.x)))
		return -EFAULT;
	rc = check(&e);
	if (rc)
		return rc;
	e.d = target_domain(e.x.in.domid, &err);
	if (!e.d)
		return err;
	e.flags = memory_alloc_flags(e.d, e.x.out.mem_flags);
	e.in = new_array(struct frame *, 1ul << (e.in_chunk + e.x.in.extent_order));
	e.out = new_array(struct frame *, 1ul << e.out_chunk);
	rc = e.in && e.out ? run(h, &e, arg) : -ENOMEM;
	heap_free(e.in);
	heap_free(e.out);
	domain_put(e.d);
	return rc;
}
