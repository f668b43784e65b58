/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl's parts. A handler gets a copy of the request, which goes back to the caller when the row says so; d is the domain it names
 * with a reference (NULL where the row says that none is named). Handlers run under domctl's lock, which is let go whenever
 * a long operation gives way.
 */
#ifndef HYPERCALL_DOMCTL_H
#define HYPERCALL_DOMCTL_H
#include "hypercall/dispatch.h"
#include "lib/bitmap.h"
#include <xen/domctl.h>

struct domctl_call {
	struct xen_domctl op;		/* the one copy */
	struct domain *d;
	bool copyback;			/* write op back even if the row does not say so, or in spite of an error */
};
typedef long domctl_fn(struct domctl_call *c);

/* domctl_domain.c: life, limits, information */
domctl_fn domctl_create, domctl_destroy, domctl_pause, domctl_unpause, domctl_resume, domctl_getinfo, domctl_max_vcpus,
	domctl_max_mem, domctl_set_handle, domctl_set_target, domctl_subscribe, domctl_time_offset, domctl_set_debugging,
	domctl_hypercall_init, domctl_address_size_set, domctl_address_size_get, domctl_soft_reset, domctl_virq_handler,
	domctl_scheduler;
/* domctl_vcpu.c: contexts, affinity */
domctl_fn domctl_set_context, domctl_get_context, domctl_vcpu_info, domctl_set_affinity, domctl_get_affinity,
	domctl_trigger, domctl_pause_vcpu, domctl_unpause_vcpu, domctl_gdbsx_status;
/* domctl_cpu.c: CPU policy, TSC, extended state, MSRs */
domctl_fn domctl_get_policy, domctl_set_policy, domctl_get_tsc, domctl_set_tsc, domctl_get_xstate, domctl_set_xstate,
	domctl_get_ext_context, domctl_set_ext_context, domctl_get_msrs, domctl_set_msrs;
/* domctl_io.c: permissions and devices */
domctl_fn domctl_irq_permission, domctl_iomem_permission, domctl_ioport_permission, domctl_memory_mapping,
	domctl_pageframeinfo;
/* domctl_numa.c */
domctl_fn domctl_set_vnuma, domctl_set_node_affinity, domctl_get_node_affinity;
/* domctl_gdbsx.c */
domctl_fn domctl_guest_memio;

/* What XEN_DOMCTL_getdomaininfo and XEN_SYSCTL_getdomaininfolist tell of d. */
void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* The interface's bitmaps of any length to sets of CPUs and back; bytes beyond ours are read as zero and written as zero. -EFAULT */
struct xenctl_bitmap;
int bitmap_from_guest(unsigned long *map, unsigned bits, const struct xenctl_bitmap *b);
int bitmap_to_guest(const struct xenctl_bitmap *b, const unsigned long *map, unsigned bits);
static inline int cpumask_from_guest(cpumask_t *m, const struct xenctl_bitmap *b)
{
	return bitmap_from_guest(m->bits, NR_CPUS, b);
}
static inline int cpumask_to_guest(const struct xenctl_bitmap *b, const cpumask_t *m)
{
	return bitmap_to_guest(b, m->bits, NR_CPUS);
}
#endif
