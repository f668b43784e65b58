/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op's parts. The low 6 bits of the command are the operation; above them the guest passes 0 and a cut operation the
 * number of extents that are done (Xen's encoding, which the ABI keeps for this).
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
/* memory_reserve.c */
memory_fn memory_increase, memory_decrease, memory_populate, memory_claim;
/* memory_exchange.c */
memory_fn memory_exchange;
/* memory_map.c */
memory_fn memory_machphys_mfn_list, memory_machphys_mapping, memory_map, memory_machine_map, memory_set_map;
/* memory_physmap.c */
memory_fn memory_add_to_physmap, memory_add_to_physmap_batch, memory_remove_from_physmap, memory_acquire_resource,
	memory_reserved_device_map, memory_vnuma_info;

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
/* allocator flags for a reservation's mem_flags */
unsigned memory_alloc_flags(struct domain *d, unsigned mem_flags);

/* vNUMA of a domain as XEN_DOMCTL_setvnumainfo gave it. */
struct vnuma {
	unsigned nr_vnodes, nr_vmemranges, nr_vcpus;
	unsigned *vdistance, *vcpu_to_vnode, *vnode_to_pnode;
	struct xen_vmemrange *vmemrange;
};
#endif
