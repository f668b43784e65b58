/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hcall/hcall_vcpu.h"
#include <errno.h>
#include <string.h>
#include "hcall/hcall_priv.h"

_Static_assert(2 * sizeof(struct hcall_cpumap) <= HCALL_DATA_SIZE, "both maps fit");

int hcall_vcpu_info(struct hcall *h, domid_t id, unsigned vcpu, struct hcall_vcpu *info)
{
	struct xen_domctl op = { .u.getvcpuinfo.vcpu = vcpu };
	int rc = hcall_domctl(h, XEN_DOMCTL_getvcpuinfo, id, &op);

	if (rc)
		return rc;
	info->online = op.u.getvcpuinfo.online;
	info->blocked = op.u.getvcpuinfo.blocked;
	info->running = op.u.getvcpuinfo.running;
	info->cpu = op.u.getvcpuinfo.cpu;
	info->cpu_time = op.u.getvcpuinfo.cpu_time;
	return 0;
}

static void *affinity_maps(struct hcall *h, struct xen_domctl_vcpuaffinity *a)
{
	uint8_t *maps = h->data;

	set_xen_guest_handle(a->cpumap_hard.bitmap, maps);
	a->cpumap_hard.nr_bits = HCALL_MAX_CPUS;
	set_xen_guest_handle(a->cpumap_soft.bitmap, maps + sizeof(struct hcall_cpumap));
	a->cpumap_soft.nr_bits = HCALL_MAX_CPUS;
	memset(maps, 0, 2 * sizeof(struct hcall_cpumap));
	return maps;
}

int hcall_vcpu_affinity(struct hcall *h, domid_t id, unsigned vcpu, struct hcall_cpumap *hard,
			struct hcall_cpumap *soft)
{
	struct xen_domctl op = { 0 };
	struct hcall_cpumap *maps = affinity_maps(h, &op.u.vcpuaffinity);
	int rc;

	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	rc = hcall_domctl(h, XEN_DOMCTL_getvcpuaffinity, id, &op);
	*hard = maps[0];
	*soft = maps[1];
	return rc;
}

int hcall_vcpu_set_affinity(struct hcall *h, domid_t id, unsigned vcpu, const struct hcall_cpumap *hard,
			    const struct hcall_cpumap *soft, bool force)
{
	struct xen_domctl op = { 0 };
	struct hcall_cpumap *maps = affinity_maps(h, &op.u.vcpuaffinity);

	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0) |
				  (force ? XEN_VCPUAFFINITY_FORCE : 0);
	if (hard)
		maps[0] = *hard;
	if (soft)
		maps[1] = *soft;
	return hcall_domctl(h, XEN_DOMCTL_setvcpuaffinity, id, &op);
}

int hcall_cpu_nodes(struct hcall *h, uint32_t *nodes, unsigned *n)
{
	const unsigned room = HCALL_DATA_SIZE / sizeof(xen_sysctl_cputopo_t);
	const xen_sysctl_cputopo_t *topology = h->data;
	struct xen_sysctl op = { 0 };
	unsigned asked = *n < room ? *n : room;
	int rc;

	op.u.cputopoinfo.num_cpus = asked;
	set_xen_guest_handle(op.u.cputopoinfo.cputopo, (xen_sysctl_cputopo_t *)h->data);
	rc = hcall_sysctl(h, XEN_SYSCTL_cputopoinfo, &op);
	if (rc)
		return rc;
	*n = op.u.cputopoinfo.num_cpus < asked ? op.u.cputopoinfo.num_cpus : asked;
	for (unsigned i = 0; i < *n; i++)
		nodes[i] = topology[i].node;
	return 0;
}

int hcall_credit2(struct hcall *h, domid_t id, struct xen_domctl_sched_credit2 *share)
{
	struct xen_domctl op = { .u.scheduler_op = { .sched_id = XEN_SCHEDULER_CREDIT2,
						     .cmd = XEN_DOMCTL_SCHEDOP_getinfo } };
	int rc = hcall_domctl(h, XEN_DOMCTL_scheduler_op, id, &op);

	*share = op.u.scheduler_op.u.credit2;
	return rc;
}

int hcall_set_credit2(struct hcall *h, domid_t id, const struct xen_domctl_sched_credit2 *share)
{
	struct xen_domctl op = { .u.scheduler_op = { .sched_id = XEN_SCHEDULER_CREDIT2,
						     .cmd = XEN_DOMCTL_SCHEDOP_putinfo } };

	op.u.scheduler_op.u.credit2 = *share;
	return hcall_domctl(h, XEN_DOMCTL_scheduler_op, id, &op);
}

static int pool_op(struct hcall *h, uint32_t pool, uint32_t command, struct xen_sysctl *op)
{
	op->u.scheduler_op.cpupool_id = pool;
	op->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op->u.scheduler_op.cmd = command;
	return hcall_sysctl(h, XEN_SYSCTL_scheduler_op, op);
}

int hcall_ratelimit(struct hcall *h, uint32_t pool, unsigned *us)
{
	struct xen_sysctl op = { 0 };
	int rc = pool_op(h, pool, XEN_SYSCTL_SCHEDOP_getinfo, &op);

	*us = op.u.scheduler_op.u.sched_credit2.ratelimit_us;
	return rc;
}

int hcall_set_ratelimit(struct hcall *h, uint32_t pool, unsigned us)
{
	struct xen_sysctl op = { 0 };

	op.u.scheduler_op.u.sched_credit2.ratelimit_us = us;
	return pool_op(h, pool, XEN_SYSCTL_SCHEDOP_putinfo, &op);
}

int hcall_trigger(struct hcall *h, domid_t id, unsigned trigger, unsigned vcpu)
{
	struct xen_domctl op = { .u.sendtrigger = { .trigger = trigger, .vcpu = vcpu } };

	return hcall_domctl(h, XEN_DOMCTL_sendtrigger, id, &op);
}
