// SPDX-License-Identifier: GPL-2.0-or-later
/* memory_op: the table, and what only asks (xen/memory.h). */
#include "hypercall/memory_reserve.h"
#include "hypercall/memory_exchange.h"
#include "hypercall/memory_map.h"
#include "hypercall/memory_physmap.h"
#include "hypercall/memory.h"
#include "mem/alloc.h"

static long max_ram_page(struct hypercall *h, void *arg, unsigned long start)
{
	return max_mfn;
}

static struct domain *named_domain(void *arg, int *err)
{
	struct xen_memory_domain m;

	*err = -EFAULT;
	if (guest_copy_in(&m, arg, sizeof(m)))
		return NULL;
	return target_domain(m.domid, err);
}

static long current_reservation(struct hypercall *h, void *arg, unsigned long start)
{
	int err;
	struct domain *d = named_domain(arg, &err);
	long n;

	if (!d)
		return err;
	n = READ_ONCE(d->tot_pages);
	domain_put(d);
	return n;
}

static long maximum_reservation(struct hypercall *h, void *arg, unsigned long start)
{
	int err;
	struct domain *d = named_domain(arg, &err);
	long n;

	if (!d)
		return err;
	n = MIN(READ_ONCE(d->max_pages), (uint64_t)INT64_MAX);
	domain_put(d);
	return n;
}

/*
 * A PV guest says itself how far its pseudo-physical memory goes: a number of frames, 0 until it (or its
 * builder) has.
 */
static long maximum_gpfn(struct hypercall *h, void *arg, unsigned long start)
{
	int err;
	struct domain *d = named_domain(arg, &err);
	long n;

	if (!d)
		return err;
	n = d->shared ? (long)READ_ONCE(d->shared->arch.max_pfn) : 0;
	domain_put(d);
	return n > 0 ? n - 1 : 0;
}

/* No PV guest has populate-on-demand entries: any target within its maximum is met already. */
static long pod_target(struct hypercall *h, void *arg, unsigned long start)
{
	bool set = (h->a[0] & MEMOP_CMD_MASK) == XENMEM_set_pod_target;
	struct xen_pod_target t;
	struct domain *d;
	int err;

	if (guest_copy_in(&t, arg, sizeof(t)))
		return -EFAULT;
	if (!caller_may(HC_CONTROL))
		return -EPERM;
	d = target_domain(t.domid, &err);
	if (!d)
		return err;
	if (set && t.target_pages > d->max_pages) {
		err = -EINVAL;
	} else {
		t.tot_pages = READ_ONCE(d->tot_pages);
		t.pod_cache_pages = 0;
		t.pod_entries = 0;
		err = guest_copy_out(arg, &t, sizeof(t)) ? -EFAULT : 0;
	}
	domain_put(d);
	return err;
}

static long none_shared(struct hypercall *h, void *arg, unsigned long start)
{
	return 0;		/* frames are never shared behind guests' backs */
}

struct memory_row { bool restartable; memory_fn *fn; };
static const struct memory_row ops[] = {
	[XENMEM_increase_reservation] = { true, memory_increase },
	[XENMEM_decrease_reservation] = { true, memory_decrease },
	[XENMEM_maximum_ram_page] = { false, max_ram_page },
	[XENMEM_current_reservation] = { false, current_reservation },
	[XENMEM_maximum_reservation] = { false, maximum_reservation },
	[XENMEM_machphys_mfn_list] = { false, memory_machphys_mfn_list },
	[XENMEM_populate_physmap] = { true, memory_populate },
	[XENMEM_add_to_physmap] = { false, memory_add_to_physmap },
	[XENMEM_memory_map] = { false, memory_map },
	[XENMEM_machine_memory_map] = { false, memory_machine_map },
	[XENMEM_exchange] = { true, memory_exchange },
	[XENMEM_machphys_mapping] = { false, memory_machphys_mapping },
	[XENMEM_set_memory_map] = { false, memory_set_map },
	[XENMEM_maximum_gpfn] = { false, maximum_gpfn },
	[XENMEM_remove_from_physmap] = { false, memory_remove_from_physmap },
	[XENMEM_set_pod_target] = { false, pod_target },
	[XENMEM_get_pod_target] = { false, pod_target },
	[XENMEM_get_sharing_freed_pages] = { false, none_shared },
	[XENMEM_get_sharing_shared_pages] = { false, none_shared },
	[XENMEM_add_to_physmap_batch] = { false, memory_add_to_physmap_batch },
	[XENMEM_claim_pages] = { false, memory_claim },
	[XENMEM_get_vnumainfo] = { false, memory_vnuma_info },
	[XENMEM_reserved_device_memory_map] = { false, memory_reserved_device_map },
	[XENMEM_acquire_resource] = { true, memory_acquire_resource },
};

long hc_memory_op(struct hypercall *h)
{
	unsigned cmd = h->a[0] & MEMOP_CMD_MASK;
	unsigned long start = h->a[0] >> MEMOP_EXTENT_SHIFT;

	if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
		return -ENOSYS;
	if (start && !ops[cmd].restartable)
		return -EINVAL;
	return ops[cmd].fn(h, (void *)h->a[1], start);
}
