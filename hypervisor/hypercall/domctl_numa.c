// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: which nodes of the machine a domain likes, and which virtual nodes it sees. */
#include "hypercall/memory_physmap.h"
#include "hypercall/domctl_numa.h"
#include "hypercall/domctl.h"
#include "hypercall/memory.h"
#include "mem/alloc.h"
#include "mem/heap.h"

#define VNUMA_MAX_NODES 64u
#define VNUMA_MAX_RANGES 1024u

static unsigned long all_nodes(void)
{
	unsigned n = mem_nr_nodes();

	return n >= 64 ? ~0ul : (1ul << n) - 1;
}

long domctl_set_node_affinity(struct domctl_call *c)
{
	struct domain_services *s = domain_services(c->d);
	unsigned long map;

	if (!s)
		return -ENOMEM;
	if (bitmap_from_guest(&map, 64, &c->op.u.nodeaffinity.nodemap))
		return -EFAULT;
	map &= all_nodes();
	if (!map)
		return -EINVAL;
	s->node_affinity = map;
	c->d->node_affinity = map == all_nodes() ? ~0u : (unsigned)map;
	return 0;
}

long domctl_get_node_affinity(struct domctl_call *c)
{
	const struct domain_services *s = c->d->services;
	unsigned long map = s && s->node_affinity ? s->node_affinity : all_nodes();

	return bitmap_to_guest(&c->op.u.nodeaffinity.nodemap, &map, 64);
}

static int vnuma_arrays(struct vnuma *v, const struct xen_domctl_vnuma *a)
{
	v->nr_vnodes = a->nr_vnodes;
	v->nr_vmemranges = a->nr_vmemranges;
	v->nr_vcpus = a->nr_vcpus;
	v->vdistance = new_array(unsigned, v->nr_vnodes * v->nr_vnodes);
	v->vcpu_to_vnode = new_array(unsigned, v->nr_vcpus);
	v->vnode_to_pnode = new_array(unsigned, v->nr_vnodes);
	v->vmemrange = new_array(struct xen_vmemrange, v->nr_vmemranges);
	if (!v->vdistance || !v->vcpu_to_vnode || !v->vnode_to_pnode || !v->vmemrange)
		return -ENOMEM;
	if (copy_from_guest(v->vdistance, a->vdistance, v->nr_vnodes * v->nr_vnodes) ||
	    copy_from_guest(v->vcpu_to_vnode, a->vcpu_to_vnode, v->nr_vcpus) ||
	    copy_from_guest(v->vnode_to_pnode, a->vnode_to_pnode, v->nr_vnodes) ||
	    copy_from_guest(v->vmemrange, a->vmemrange, v->nr_vmemranges))
		return -EFAULT;
	return 0;
}

static int vnuma_check(const struct vnuma *v)
{
	for (unsigned i = 0; i < v->nr_vcpus; i++)
		if (v->vcpu_to_vnode[i] >= v->nr_vnodes)
			return -EINVAL;
	for (unsigned i = 0; i < v->nr_vnodes; i++)
		if (v->vnode_to_pnode[i] >= mem_nr_nodes() && v->vnode_to_pnode[i] != (uint8_t)~0u &&
		    v->vnode_to_pnode[i] != ~0u)
			return -EINVAL;
	for (unsigned i = 0; i < v->nr_vmemranges; i++)
		if (v->vmemrange[i].flags || v->vmemrange[i].nid >= v->nr_vnodes)
			return -EINVAL;
	return 0;
}

/* Once, before the domain runs: so readers need no lock. */
long domctl_set_vnuma(struct domctl_call *c)
{
	const struct xen_domctl_vnuma *a = &c->op.u.vnuma;
	struct domain_services *s = domain_services(c->d);
	struct vnuma *v;
	long rc = -EINVAL;

	if (!s)
		return -ENOMEM;
	if (a->pad || !a->nr_vnodes || a->nr_vnodes > VNUMA_MAX_NODES || !a->nr_vmemranges ||
	    a->nr_vmemranges > VNUMA_MAX_RANGES || a->nr_vcpus != c->d->max_vcpus)
		return -EINVAL;
	v = new_object(struct vnuma);
	if (!v)
		return -ENOMEM;
	rc = vnuma_arrays(v, a);
	if (!rc)
		rc = vnuma_check(v);
	if (!rc && cmpxchg(&s->vnuma, NULL, v) != NULL)
		rc = -EBUSY;
	if (rc)
		vnuma_free(v);
	return rc;
}
