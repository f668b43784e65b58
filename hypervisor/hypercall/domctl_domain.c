// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: domains as wholes: creation, death, pause, limits, what is told of them. */
#include "hypercall/domctl_domain.h"
#include "hypercall/domctl.h"
#include "hypercall/evtchn.h"
#include "lib/string.h"
#include "pv/mm.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

#define KNOWN_FLAGS (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain)

static int check_config(const struct xen_domctl_createdomain *cfg)
{
	uint32_t iommu = iommu_active ? XEN_DOMCTL_CDF_iommu : 0;

	if (cfg->flags & ~(KNOWN_FLAGS | iommu) || cfg->vmtrace_size)
		return -EINVAL;		/* HVM, nested virtualization, vPMU: not offered */
	if (cfg->iommu_opts & ~XEN_DOMCTL_IOMMU_MAX || (cfg->iommu_opts && !(cfg->flags & XEN_DOMCTL_CDF_iommu)))
		return -EINVAL;
	if (cfg->flags & XEN_DOMCTL_CDF_oos_off)
		return -EINVAL;		/* of shadowed HVM guests only */
	if (cfg->grant_opts & ~XEN_DOMCTL_GRANT_version_mask || XEN_DOMCTL_GRANT_version(cfg->grant_opts) > 2)
		return -EINVAL;
	if (cfg->arch.emulation_flags)
		return -EOPNOTSUPP;
	if (cfg->arch.misc_flags & ~XEN_X86_MSR_RELAXED)
		return -EINVAL;
	if (!cfg->max_vcpus || cfg->max_vcpus > MAX_VIRT_CPUS)
		return -EINVAL;
	return 0;
}

long domctl_create(struct domctl_call *c)
{
	const struct xen_domctl_createdomain *cfg = &c->op.u.createdomain;
	struct domain *d;
	int err = check_config(cfg);

	if (err)
		return err;
	d = domain_create(c->op.domain, cfg, &pv_guest_ops, &err);
	if (!d)
		return err;
	if (cfg->cpupool_id) {
		err = cpupool_move_domain(d, cfg->cpupool_id);
		if (err) {
			/* Empty and never run: its death is short. */
			while (domain_kill(d) == -EAGAIN_HYPERCALL)
				;
			return err;
		}
	}
	c->op.domain = d->id;
	return 0;
}

long domctl_destroy(struct domctl_call *c)
{
	return c->d->state == DOM_DEAD ? 0 : domain_kill(c->d);
}

long domctl_pause(struct domctl_call *c)
{
	return c->d == current->domain ? -EINVAL : domain_pause_by_controller(c->d);
}

long domctl_unpause(struct domctl_call *c)
{
	c->d->started = true;
	return domain_unpause_by_controller(c->d);
}

long domctl_resume(struct domctl_call *c)
{
	if (c->d == current->domain)
		return -EINVAL;
	domain_resume(c->d);
	return 0;
}

static uint32_t vcpu_flags(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	uint32_t flags = XEN_DOMINF_blocked;
	struct vcpu *v;

	for_each_vcpu(d, v) {
		struct vcpu_runstate_info run;

		vcpu_runstate_get(v, &run);
		info->cpu_time += run.time[RUNSTATE_running];
		info->max_vcpu_id = v->id;
		if (v->pause_flags & VPF_DOWN)
			continue;
		info->nr_online_vcpus++;
		if (!(v->pause_flags & VPF_BLOCKED))
			flags &= ~XEN_DOMINF_blocked;
		if (run.state == RUNSTATE_running)
			flags |= XEN_DOMINF_running;
	}
	return info->nr_online_vcpus ? flags : 0;
}

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info)
{

	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	info->flags = vcpu_flags(d, info);
	if (d->state == DOM_DEAD)
		info->flags |= XEN_DOMINF_dying;
	if (d->is_shut_down)
		info->flags |= XEN_DOMINF_shutdown |
			       (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
	if (d->controller_pause_count > 0)
		info->flags |= XEN_DOMINF_paused;
	if (d->debugged)
		info->flags |= XEN_DOMINF_debugged;
	if (d->create_flags & XEN_DOMCTL_CDF_xs_domain)
		info->flags |= XEN_DOMINF_xs_domain;
	info->tot_pages = d->tot_pages;
	info->max_pages = d->max_pages;
	info->outstanding_pages = d->outstanding_pages;
	info->shr_pages = d->shared_pages;
	info->shared_info_frame = va_to_mfn(d->shared).n;
	info->ssidref = d->ssidref;
	memcpy(info->handle, d->handle, sizeof(info->handle));
	info->cpupool = domain_cpupool(d);
	info->gpaddr_bits = host_cpu.phys_bits;
}

/* The domain that is named or, where there is none, the next one: tools walk the list so. */
long domctl_getinfo(struct domctl_call *c)
{
	struct domain *d = domain_lookup_any(c->op.domain);

	if (!d)
		for_each_domain(d)
			if (d->id >= c->op.domain)
				break;
	if (!d)
		return -ESRCH;
	domain_info_fill(d, &c->op.u.getdomaininfo);
	c->op.domain = d->id;
	return 0;
}

/* The number is a constant of the domain; this makes the vCPUs. */
long domctl_max_vcpus(struct domctl_call *c)
{
	if (c->op.u.max_vcpus.max != c->d->max_vcpus)
		return -EINVAL;
	for (unsigned i = 0; i < c->d->max_vcpus; i++) {
		if (c->d->vcpu[i])
			continue;
		if (!vcpu_create(c->d, i))
			return -ENOMEM;
		if (i + 1 < c->d->max_vcpus && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
	}
	return 0;
}

long domctl_max_mem(struct domctl_call *c)
{
	uint64_t pages = c->op.u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

	spin_lock(&c->d->page_lock);
	c->d->max_pages = pages;
	spin_unlock(&c->d->page_lock);
	return 0;
}

long domctl_set_handle(struct domctl_call *c)
{
	memcpy(c->d->handle, c->op.u.setdomainhandle.handle, sizeof(c->d->handle));
	return 0;
}

/*
 * d becomes the device model of another domain: of HVM guests alone, as with Xen. Changes of a PV guest's page types flush the
 * TLBs of itself and of dom0: nobody else maps its frames but by grants.
 */
long domctl_set_target(struct domctl_call *c)
{
	struct domain *t = domain_lookup(c->op.u.set_target.target);
	int err = -EINVAL;

	if (!t || !domain_get(t))
		return -ESRCH;
	if (t != c->d)
		err = t->ops->device_model ? 0 : -EOPNOTSUPP;
	if (!err && cmpxchg(&c->d->target, NULL, t) == NULL)
		return 0;
	domain_put(t);
	return err ?: -EINVAL;
}

long domctl_subscribe(struct domctl_call *c)
{
	c->d->suspend_evtchn = c->op.u.subscribe.port;
	return 0;
}

long domctl_time_offset(struct domctl_call *c)
{
	guest_set_time_offset(c->d, c->op.u.settimeoffset.time_offset_seconds);
	return 0;
}

long domctl_set_debugging(struct domctl_call *c)
{
	if (c->d == current->domain)
		return -EINVAL;
	domain_pause(c->d);
	c->d->debugged = c->op.u.setdebugging.enable;
	domain_unpause(c->d);
	return 0;
}

long domctl_hypercall_init(struct domctl_call *c)
{
	mfn_t m = MFN(c->op.u.hypercall_init.gmfn);
	struct frame *f;

	if (!mfn_valid(m))
		return -EACCES;
	f = frame_of(m);
	if (!frame_get(f, c->d->id))
		return -EACCES;
	if (!pv_get_writable(f, c->d)) {
		frame_put(f);
		return -EACCES;
	}
	hypercall_page_init(frame_va(f));
	frame_dirtied(f);
	pv_type_put(f);
	frame_put(f);
	return 0;
}

long domctl_address_size_set(struct domctl_call *c)
{
	switch (c->op.u.address_size.size) {
	case 64:
		return 0;
	case 32:
		return -EOPNOTSUPP;	/* no 32-bit PV guests, as in Debian's Xen */
	default:
		return -EINVAL;
	}
}

long domctl_address_size_get(struct domctl_call *c)
{
	c->op.u.address_size.size = 64;
	return 0;
}

long domctl_virq_handler(struct domctl_call *c)
{
	return virq_set_handler(c->d, c->op.u.set_virq_handler.virq);
}

long domctl_scheduler(struct domctl_call *c)
{
	return sched_adjust_domain(c->d, &c->op.u.scheduler_op);
}
