// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reservations: a domain's frames come and go (XENMEM_increase_reservation, decrease, populate_physmap,
 * claim_pages).
 *
 * The result is the number of extents done; an extent that fails ends the run, and errors before the first
 * show as no extent done, which is what the ABI says of these operations.
 */
#include "hypercall/memory_reserve.h"
#include "hypercall/memory.h"
#include "mem/alloc.h"

struct reserve_run {
	struct xen_memory_reservation r;
	struct domain *d;
	unsigned flags;
};
/* One extent; false ends the run. */
typedef bool extent_fn(struct reserve_run *run, unsigned long i);

/* Of the nodes that d likes, the one with the most free memory; NODE_ANY where it has said nothing. */
static unsigned liked_node(const struct domain_services *s)
{
	unsigned long map = s ? READ_ONCE(s->node_affinity) : 0;
	unsigned best = NODE_ANY;
	uint64_t most = 0;

	for (unsigned n = 0; n < mem_nr_nodes() && n < 64; n++) {
		uint64_t free = map >> n & 1 ? frames_free_count(n) : 0;

		if (free > most) {
			most = free;
			best = n;
		}
	}
	return best;
}

unsigned memory_alloc_flags(struct domain *d, unsigned mem_flags)
{
	unsigned bits = XENMEMF_get_address_bits(mem_flags);
	unsigned node = XENMEMF_get_node(mem_flags);
	const struct domain_services *s = READ_ONCE(d->services);
	unsigned flags = NODE_ANY;

	if (mem_flags & XENMEMF_vnode) {
		const struct vnuma *v = s ? READ_ONCE(s->vnuma) : NULL;

		node = v && node < v->nr_vnodes ? v->vnode_to_pnode[node] : NODE_ANY;
	}
	if (node < mem_nr_nodes()) {
		flags = ALLOC_NODE(node);
		if (mem_flags & XENMEMF_exact_node_request)
			flags |= ALLOC_EXACT;
	}
	if (flags == NODE_ANY && mem_nr_nodes() > 1)
		flags = liked_node(s);
	if (bits && bits < 64)
		flags |= ALLOC_MAX_BITS(bits);
	return flags;
}

static long run_extents(struct hypercall *h, void *arg, unsigned long start, extent_fn *fn)
{
	struct reserve_run run;
	unsigned long i;
	int err;

	if (guest_copy_in(&run.r, arg, sizeof(run.r)))
		return start;
	if (run.r.nr_extents > UINT32_MAX >> MEMOP_EXTENT_SHIFT || run.r.extent_order > caller_max_order())
		return start;
	if (run.r.nr_extents <= start)
		return start;
	run.d = target_domain(run.r.domid, &err);
	if (!run.d)
		return start;
	run.flags = memory_alloc_flags(run.d, run.r.mem_flags);
	for (i = start; i < run.r.nr_extents; i++) {
		if (i != start && hypercall_preempt_check()) {
			domain_put(run.d);
			return memory_again(h, i);
		}
		if (!fn(&run, i))
			break;
	}
	domain_put(run.d);
	return i;
}

/*
 * A new frame has no place in the guest's memory until populate_physmap, or the guest itself, gives it one.
 */
static bool increase_one(struct reserve_run *run, unsigned long i)
{
	struct frame *f = domain_alloc_frames(run->d, run->r.extent_order, run->flags);
	xen_pfn_t mfn;

	if (!f)
		return false;
	for (unsigned long k = 0; k < 1ul << run->r.extent_order; k++)
		m2p_set(MFN(frame_mfn(f).n + k), M2P_INVALID);
	mfn = frame_mfn(f).n;
	return guest_handle_is_null(run->r.extent_start) ||
	       !copy_to_guest_offset(run->r.extent_start, i, &mfn, 1);
}

static bool populate_one(struct reserve_run *run, unsigned long i)
{
	xen_pfn_t gpfn, mfn;
	struct frame *f;

	if (run->r.mem_flags & XENMEMF_populate_on_demand)
		return false;	/* for translated guests only */
	if (copy_from_guest_offset(&gpfn, run->r.extent_start, i, 1))
		return false;
	f = domain_alloc_frames(run->d, run->r.extent_order, run->flags);
	if (!f)
		return false;
	mfn = frame_mfn(f).n;
	for (unsigned long k = 0; k < 1ul << run->r.extent_order; k++)
		m2p_set(MFN(mfn + k), gpfn + k);
	return !copy_to_guest_offset(run->r.extent_start, i, &mfn, 1);
}

static bool give_back(struct domain *d, mfn_t mfn)
{
	struct frame *f;
	bool ok;

	if (!mfn_valid(mfn))
		return false;
	f = frame_of(mfn);
	if (!frame_get(f, d->id))
		return false;
	/* a page that the hypervisor shares with the guest is not part of its reservation */
	ok = !(READ_ONCE(f->count) & FRAME_XENHEAP) && frame_drop_dom_ref(f);
	frame_put(f);
	return ok;
}

static bool decrease_one(struct reserve_run *run, unsigned long i)
{
	xen_pfn_t gmfn;

	if (copy_from_guest_offset(&gmfn, run->r.extent_start, i, 1))
		return false;
	for (unsigned long k = 0; k < 1ul << run->r.extent_order; k++)
		if (!give_back(run->d, MFN(gmfn + k)))
			return false;
	return true;
}

long memory_increase(struct hypercall *h, void *arg, unsigned long start)
{
	return run_extents(h, arg, start, increase_one);
}

long memory_decrease(struct hypercall *h, void *arg, unsigned long start)
{
	return run_extents(h, arg, start, decrease_one);
}

long memory_populate(struct hypercall *h, void *arg, unsigned long start)
{
	return run_extents(h, arg, start, populate_one);
}

long memory_claim(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_memory_reservation r;
	struct domain *d;
	int err;

	if (!caller_may(HC_CONTROL))
		return -EPERM;
	if (guest_copy_in(&r, arg, sizeof(r)))
		return -EFAULT;
	if (!guest_handle_is_null(r.extent_start) || r.extent_order || r.mem_flags)
		return -EINVAL;
	d = target_domain(r.domid, &err);
	if (!d)
		return -EINVAL;
	err = domain_set_claim(d, r.nr_extents);
	domain_put(d);
	return err;
}
