// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations on a guest's physical address space, of which a PV guest has none of its own making (-EACCES,
 * as Xen), resources that tools map, and the virtual NUMA topology.
 */
#include "hypercall/memory_physmap.h"
#include "hypercall/memory.h"
#include "hypercall/gnttab.h"
#include "mem/heap.h"

#define RESOURCE_BATCH 32u

long memory_add_to_physmap(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_add_to_physmap x;
	struct domain *d;
	int err;

	if (guest_copy_in(&x, arg, sizeof(x)))
		return -EFAULT;
	if (x.space == XENMAPSPACE_gmfn_foreign)
		return -ENOSYS;
	d = target_domain(x.domid, &err);
	if (!d)
		return err;
	domain_put(d);
	return -EACCES;
}

long memory_add_to_physmap_batch(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_add_to_physmap_batch x;
	struct domain *d;
	int err;

	if (guest_copy_in(&x, arg, sizeof(x)))
		return -EFAULT;
	if (x.space == XENMAPSPACE_gmfn_range)
		return -ENOSYS;
	d = target_domain(x.domid, &err);
	if (!d)
		return err;
	domain_put(d);
	return -EACCES;
}

long memory_remove_from_physmap(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_remove_from_physmap x;
	struct domain *d;
	int err;

	if (guest_copy_in(&x, arg, sizeof(x)))
		return -EFAULT;
	d = target_domain(x.domid, &err);
	if (!d)
		return err;
	domain_put(d);
	return -EACCES;
}

/* No IOMMU is driven, so no device's reserved regions concern guests. */
long memory_reserved_device_map(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_reserved_device_memory_map m;

	if (!caller_may(HC_CONTROL))
		return -EPERM;
	if (guest_copy_in(&m, arg, sizeof(m)))
		return -EFAULT;
	if (m.flags & ~XENMEM_RDM_ALL)
		return -EINVAL;
	m.nr_entries = 0;
	return guest_copy_out(arg, &m, sizeof(m)) ? -EFAULT : 0;
}

/*
 * Frames of the resource from x->frame on; the guest's list and the count are brought up to date as it
 * goes.
 */
static long acquire_frames(struct hypercall *h, struct domain *d, const struct xen_mem_acquire_resource *x,
			   unsigned long start)
{
	mfn_t mfn[RESOURCE_BATCH];
	xen_pfn_t out[RESOURCE_BATCH];
	uint32_t done = start;

	while (done < x->nr_frames) {
		unsigned n = MIN(x->nr_frames - done, RESOURCE_BATCH);
		int rc;

		if (done != start && hypercall_preempt_check())
			return memory_again(h, done);
		rc = gnttab_resource_frames(d, x->id, x->frame + done, n, mfn);
		if (rc < 0)
			return rc;
		for (unsigned i = 0; i < n; i++)
			out[i] = mfn[i].n;
		if (copy_to_guest_offset(x->frame_list, done, out, n))
			return -EFAULT;
		done += n;
	}
	return 0;
}

long memory_acquire_resource(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_mem_acquire_resource x;
	struct domain *d;
	unsigned max;
	int err;
	long rc;

	if (guest_copy_in(&x, arg, sizeof(x)))
		return -EFAULT;
	if (x.pad || x.frame + x.nr_frames < x.frame || x.frame + x.nr_frames > UINT32_MAX)
		return -EINVAL;
	d = remote_domain(x.domid, &err);
	if (!d)
		return err;
	rc = x.type > XENMEM_resource_vmtrace_buf ? -EOPNOTSUPP : -EINVAL;
	if (x.type != XENMEM_resource_grant_table)
		goto put;	/* PV guests have neither I/O servers nor a trace buffer */
	max = gnttab_resource_max(d, x.id);
	if (!max)
		goto put;
	if (guest_handle_is_null(x.frame_list)) {
		if (x.nr_frames == 0) {
			x.nr_frames = max;
			rc = guest_copy_out(arg, &x, sizeof(x)) ? -EFAULT : 0;
		}
		goto put;
	}
	if (start > x.nr_frames || x.frame + x.nr_frames > max)
		goto put;
	rc = acquire_frames(h, d, &x, start);
put:
	domain_put(d);
	return rc;
}

static int vnuma_fill(const struct vnuma *v, struct xen_vnuma_topology_info *t)
{
	if (guest_copy_out(t->vmemrange.h.p, v->vmemrange, v->nr_vmemranges * sizeof(v->vmemrange[0])) ||
	    guest_copy_out(t->vdistance.h.p, v->vdistance, v->nr_vnodes * v->nr_vnodes * sizeof(unsigned)) ||
	    guest_copy_out(t->vcpu_to_vnode.h.p, v->vcpu_to_vnode, v->nr_vcpus * sizeof(unsigned)))
		return -EFAULT;
	return 0;
}

/*
 * A domain's topology is set once, before it runs, and goes with the domain (hypercall/domctl_numa.c), so
 * that it can be read without a lock while guest memory is written.
 */
long memory_vnuma_info(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_vnuma_topology_info t;
	const struct domain_services *s;
	const struct vnuma *v;
	struct domain *d;
	bool room;
	int err;

	if (guest_copy_in(&t, arg, sizeof(t)))
		return -EFAULT;
	if (t.pad)
		return -EINVAL;
	d = target_domain(t.domid, &err);
	if (!d)
		return err;
	s = READ_ONCE(d->services);
	v = s ? READ_ONCE(s->vnuma) : NULL;
	err = -EOPNOTSUPP;
	if (!v)
		goto put;
	room = t.nr_vnodes >= v->nr_vnodes && t.nr_vcpus >= v->nr_vcpus &&
	       t.nr_vmemranges >= v->nr_vmemranges;
	t.nr_vnodes = v->nr_vnodes;
	t.nr_vcpus = v->nr_vcpus;
	t.nr_vmemranges = v->nr_vmemranges;
	err = room ? vnuma_fill(v, &t) : 0;
	if (!err && guest_copy_out(arg, &t, sizeof(t)))
		err = -EFAULT;
	if (!err && !room)
		err = -ENOBUFS;
put:
	domain_put(d);
	return err;
}

void vnuma_free(struct vnuma *v)
{
	heap_free(v->vdistance);
	heap_free(v->vcpu_to_vnode);
	heap_free(v->vnode_to_pnode);
	heap_free(v->vmemrange);
	heap_free(v);
}
