/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op's parts. The low 6 bits of the command are the operation; above them the guest passes 0 and a
 * cut operation the number of extents that are done (Xen's encoding, which the ABI keeps for this).
 */
#ifndef HYPERCALL_MEMORY_H
#define HYPERCALL_MEMORY_H
#include "hypercall/dispatch.h"
#include <xen/memory.h>

#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK ((1u << MEMOP_EXTENT_SHIFT) - 1)
#define MAX_ORDER_CONTROL 18	/* 1 GiB, for domain builders */
#define MAX_ORDER_GUEST 9	/* 2 MiB */

typedef long memory_fn(struct hypercall *h, void *arg, unsigned long start);
/* Arranges for the operation to go on from extent 'done'. */
static inline long memory_again(struct hypercall *h, unsigned long done)
{
	h->a[0] = (h->a[0] & MEMOP_CMD_MASK) | done << MEMOP_EXTENT_SHIFT;
	return hypercall_again(h);
}
/* Largest extent that the caller may ask for in one piece. */
static inline unsigned caller_max_order(void)
{
	return caller_may(HC_CONTROL) ? MAX_ORDER_CONTROL : MAX_ORDER_GUEST;
}

/* vNUMA of a domain as XEN_DOMCTL_setvnumainfo gave it. */
struct vnuma {
	unsigned nr_vnodes, nr_vmemranges, nr_vcpus;
	unsigned *vdistance, *vcpu_to_vnode, *vnode_to_pnode;
	struct xen_vmemrange *vmemrange;
};
hypercall_fn hc_memory_op;
#endif
