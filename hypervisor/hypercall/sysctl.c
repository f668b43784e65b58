// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sysctl: the tools' operations on the machine (xen/sysctl.h). For control domains only
 * (hypercall/dispatch.c).
 */
#include "hypercall/domctl_domain.h"
#include "hypercall/pcpu.h"
#include "hypercall/sysctl_host.h"
#include "hypercall/sysctl_cpu.h"
#include "hypercall/sysctl.h"
#include "hypercall/domctl.h"
#include "mem/heap.h"
#include "sched/sched.h"
#include "x86/console.h"

#define LIST_MAX 1024u		/* domains told of in one call */
#define KEYS_MAX 256u

/* In pieces, by index, so that nothing is lost or told twice while the log goes on. */
static long readconsole(struct sysctl_call *c)
{
	struct xen_sysctl_readconsole *r = &c->op.u.readconsole;
	uint32_t index = r->index, done = 0;
	bool incremental = r->incremental;
	long rc = 0;
	char *buf = heap_alloc(PAGE_SIZE);

	if (!buf)
		return -ENOMEM;
	while (done < r->count) {
		size_t n = MIN((size_t)(r->count - done), PAGE_SIZE);

		n = console_ring_read(buf, n, &index, incremental, false);
		if (!n)
			break;
		if (guest_copy_out(r->buffer.p + done, buf, n)) {
			rc = -EFAULT;
			break;
		}
		done += n;
		incremental = true;
	}
	if (r->clear)
		console_ring_read(buf, 0, &index, incremental, true);
	heap_free(buf);
	r->count = done;
	r->index = index;
	return rc;
}

static long sched_id(struct sysctl_call *c)
{
	c->op.u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static long domaininfolist(struct sysctl_call *c)
{
	struct xen_sysctl_getdomaininfolist *a = &c->op.u.getdomaininfolist;
	struct xen_domctl_getdomaininfo info;
	struct domain *d;
	uint32_t n = 0;

	for_each_domain(d) {
		if (d->id < a->first_domain)
			continue;
		if (n == MIN(a->max_domains, LIST_MAX))
			break;
		domain_info_fill(d, &info);
		if (copy_to_guest_offset(a->buffer, n, &info, 1))
			return -EFAULT;
		n++;
	}
	a->num_domains = n;
	return 0;
}

static long debug_keys(struct sysctl_call *c)
{
	const struct xen_sysctl_debug_keys *k = &c->op.u.debug_keys;
	char keys[KEYS_MAX];

	if (k->nr_keys > KEYS_MAX)
		return -E2BIG;
	if (guest_copy_in(keys, k->keys.p, k->nr_keys))
		return -EFAULT;
	for (uint32_t i = 0; i < k->nr_keys; i++)
		keyhandler_run(keys[i]);
	return 0;
}

static long scheduler(struct sysctl_call *c)
{
	return sched_adjust_global(&c->op.u.scheduler_op);
}

static long cpupool(struct sysctl_call *c)
{
	struct xen_sysctl_cpupool_op *op = &c->op.u.cpupool_op;
	cpumask_t map;
	long rc;

	if (op->op < XEN_SYSCTL_CPUPOOL_OP_CREATE || op->op > XEN_SYSCTL_CPUPOOL_OP_FREEINFO)
		return -ENOSYS;
	cpumask_clear(&map);
	rc = cpupool_op(op, &map);
	if (!rc && (op->op == XEN_SYSCTL_CPUPOOL_OP_INFO || op->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO))
		rc = cpumask_to_guest(&op->cpumap, &map);
	return rc;
}

struct sysctl_row { sysctl_fn *fn; bool copyback; int16_t answer; };
#define OP(name, f, back) [XEN_SYSCTL_##name] = { f, back, 0 }
#define NOT(name, e) [XEN_SYSCTL_##name] = { NULL, false, -(e) }
static const struct sysctl_row rows[] = {
	OP(readconsole, readconsole, true),
	NOT(tbuf_op, ENOSYS),		/* no trace buffers */
	OP(physinfo, sysctl_physinfo, true),
	OP(sched_id, sched_id, true),
	OP(perfc_op, sysctl_perfc, true),
	OP(getdomaininfolist, domaininfolist, true),
	OP(debug_keys, debug_keys, false),
	OP(getcpuinfo, sysctl_cpuinfo, true),
	OP(availheap, sysctl_availheap, true),
	OP(get_pmstat, sysctl_pmstat, true),
	OP(cpu_hotplug, sysctl_cpu_hotplug, false),
	OP(pm_op, sysctl_pm_op, true),
	OP(page_offline_op, sysctl_offline_frames, false),
	NOT(lockprof_op, ENOSYS),	/* as a Xen built without it */
	OP(cputopoinfo, sysctl_cputopo, true),
	OP(numainfo, sysctl_numainfo, true),
	OP(cpupool_op, cpupool, true),
	OP(scheduler_op, scheduler, true),
	NOT(coverage_op, EOPNOTSUPP),
	NOT(psr_cmt_op, ENODEV),
	OP(pcitopoinfo, sysctl_pcitopo, true),
	NOT(psr_alloc, ENODEV),
	OP(get_cpu_levelling_caps, sysctl_levelling, true),
	OP(get_cpu_featureset, sysctl_featureset, true),
	NOT(livepatch_op, ENOSYS),
	OP(get_cpu_policy, sysctl_policy, true),
};

static DEFINE_SPINLOCK(sysctl_lock);	/* one at a time; next to domctl's, never both */

long hc_sysctl(struct hypercall *h)
{
	struct xen_sysctl *guest = (struct xen_sysctl *)h->a[0];
	struct sysctl_call c = { 0 };
	const struct sysctl_row *r;
	long rc;

	if (guest_copy_in(&c.op, guest, sizeof(c.op)))
		return -EFAULT;
	if (c.op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	if (c.op.cmd >= ARRAY_SIZE(rows))
		return -ENOSYS;
	r = &rows[c.op.cmd];
	if (!r->fn)
		return r->answer ?: -ENOSYS;
	if (!spin_trylock(&sysctl_lock))
		return hypercall_again(h);
	rc = r->fn(&c);
	spin_unlock(&sysctl_lock);
	if (rc == -EAGAIN_HYPERCALL)
		return hypercall_again(h);
	if ((c.copyback || (r->copyback && rc >= 0)) && guest_copy_out(guest, &c.op, sizeof(c.op)))
		return -EFAULT;
	return rc;
}
