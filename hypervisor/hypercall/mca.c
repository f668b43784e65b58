// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mca: dom0's machine-check log (xen/arch-x86/xen-mca.h). Machine checks end the host (x86/), so the log
 * that dom0 fetches is empty.
 */
#include "hypercall/mca.h"
#include "hypercall/dispatch.h"
#include "lib/string.h"
#include "x86/cpu.h"
#include <xen/arch-x86/xen-mca.h>

static long fetch(struct xen_mc_fetch *f)
{
	switch (f->flags & (XEN_MC_NONURGENT | XEN_MC_URGENT)) {
	case XEN_MC_NONURGENT:
	case XEN_MC_URGENT:
		break;
	default:
		return -EINVAL;
	}
	if (!(f->flags & XEN_MC_ACK) && guest_handle_is_null(f->data))
		return -EINVAL;
	f->flags = XEN_MC_OK | XEN_MC_NODATA;
	f->fetch_id = 0;
	return 0;
}

static void describe_cpu(xen_mc_logical_cpu_t *l, unsigned cpu)
{
	struct cpuid_leaf v = cpuid(0, 0), b;

	memset(l, 0, sizeof(*l));
	l->mc_cpunr = cpu;
	l->mc_chipid = cpu_topology[cpu].socket;
	l->mc_coreid = cpu_topology[cpu].core;
	l->mc_apicid = cpu_topology[cpu].apic_id;
	l->mc_ncores = l->mc_ncores_active = l->mc_nthreads = 1;
	l->mc_cpuid_level = host_cpu.max_leaf;
	l->mc_family = host_cpu.family;
	l->mc_model = host_cpu.model;
	l->mc_step = host_cpu.stepping;
	memcpy(l->mc_vendorid, &v.b, 4);
	memcpy(l->mc_vendorid + 4, &v.d, 4);
	memcpy(l->mc_vendorid + 8, &v.c, 4);
	for (unsigned i = 0; i < 3 && host_cpu.max_ext_leaf >= 0x80000004u; i++) {
		b = cpuid(0x80000002u + i, 0);
		memcpy(l->mc_brandid + i * sizeof(b), &b, sizeof(b));
	}
}

static long physcpuinfo(struct xen_mc_physcpuinfo *p)
{
	unsigned cpu, n = cpumask_weight(&cpu_online_map), i = 0;
	xen_mc_logical_cpu_t l;

	if (!guest_handle_is_null(p->info)) {
		if (p->ncpus < 1)
			return -EINVAL;
		n = MIN(p->ncpus, n);
		for_each_cpu(cpu, &cpu_online_map) {
			if (i == n)
				break;
			describe_cpu(&l, cpu);
			if (copy_to_guest_offset(p->info, i++, &l, 1))
				return -EFAULT;
		}
	}
	p->ncpus = n;
	return 0;
}

long hc_mca(struct hypercall *h)
{
	struct xen_mc *guest = (struct xen_mc *)h->a[0], mc;
	long rc;

	if (guest_copy_in(&mc, guest, sizeof(mc)))
		return -EFAULT;
	if (mc.interface_version != XEN_MCA_INTERFACE_VERSION)
		return -EACCES;
	switch (mc.cmd) {
	case XEN_MC_fetch:
		rc = fetch(&mc.u.mc_fetch);
		break;
	case XEN_MC_physcpuinfo:
		rc = physcpuinfo(&mc.u.mc_physcpuinfo);
		break;
	case XEN_MC_notifydomain:
		return -EINVAL;		/* obsolete */
	default:
		return -EOPNOTSUPP;	/* injection is for tests of machine-check handling */
	}
	if (!rc && guest_copy_out(guest, &mc, sizeof(mc)))
		rc = -EFAULT;
	return rc;
}
