// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: vCPUs of other domains: contexts, state, affinity, triggers. */
#include "hypercall/domctl_vcpu.h"
#include "hypercall/domctl.h"
#include "hypercall/vcpu_op.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "sched/sched.h"

/* A vCPU of another domain; itself has no business here. -EINVAL */
static struct vcpu *other_vcpu(struct domctl_call *c, uint32_t id)
{
	return c->d == current->domain ? NULL : domain_vcpu(c->d, id);
}

long domctl_set_context(struct domctl_call *c)
{
	struct xen_domctl_vcpucontext *a = &c->op.u.vcpucontext;
	struct vcpu *v = other_vcpu(c, a->vcpu);
	struct vcpu_guest_context *ctxt;
	long rc;

	if (!v)
		return -EINVAL;
	if (guest_handle_is_null(a->ctxt)) {
		domain_pause(c->d);
		c->d->ops->vcpu_reset(v);
		domain_unpause(c->d);
		return 0;
	}
	ctxt = heap_alloc(sizeof(*ctxt));
	if (!ctxt)
		return -ENOMEM;
	if (copy_from_guest(ctxt, a->ctxt, 1)) {
		rc = -EFAULT;
	} else {
		domain_pause(c->d);
		rc = vcpu_load_context(v, ctxt);
		domain_unpause(c->d);
	}
	heap_free(ctxt);
	return rc;
}

long domctl_get_context(struct domctl_call *c)
{
	struct xen_domctl_vcpucontext *a = &c->op.u.vcpucontext;
	struct vcpu *v = other_vcpu(c, a->vcpu);
	struct vcpu_guest_context *ctxt;
	long rc = 0;

	if (!v)
		return -EINVAL;
	if (!v->is_initialised)
		return -ENODATA;
	ctxt = heap_zalloc(sizeof(*ctxt));
	if (!ctxt)
		return -ENOMEM;
	vcpu_pause(v);
	vcpu_sync_state(v);
	c->d->ops->get_context(v, ctxt);
	if (v->pause_flags & VPF_DOWN)
		ctxt->flags &= ~(unsigned long)VGCF_online;
	else
		ctxt->flags |= VGCF_online;
	vcpu_unpause(v);
	if (copy_to_guest(a->ctxt, ctxt, 1))
		rc = -EFAULT;
	heap_free(ctxt);
	return rc;
}

long domctl_vcpu_info(struct domctl_call *c)
{
	struct xen_domctl_getvcpuinfo *a = &c->op.u.getvcpuinfo;
	struct vcpu_runstate_info run;
	struct vcpu *v;

	if (a->vcpu >= c->d->max_vcpus)
		return -EINVAL;
	v = c->d->vcpu[a->vcpu];
	if (!v)
		return -ESRCH;
	vcpu_runstate_get(v, &run);
	a->online = !(v->pause_flags & VPF_DOWN);
	a->blocked = !!(v->pause_flags & VPF_BLOCKED);
	a->running = run.state == RUNSTATE_running;
	a->cpu_time = run.time[RUNSTATE_running];
	a->cpu = v->processor;
	return 0;
}

#define AFFINITY_FLAGS (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)

static struct vcpu *affinity_vcpu(struct domctl_call *c, int *err)
{
	const struct xen_domctl_vcpuaffinity *a = &c->op.u.vcpuaffinity;
	struct vcpu *v = domain_vcpu(c->d, a->vcpu);

	*err = -EINVAL;
	if (a->vcpu >= c->d->max_vcpus || !(a->flags & AFFINITY_FLAGS) ||
	    a->flags & ~(AFFINITY_FLAGS | XEN_VCPUAFFINITY_FORCE))
		return NULL;
	if (!v)
		*err = -ESRCH;
	return v;
}

/* The answer is the effective masks. If the soft one fails, the hard one is what it was. */
long domctl_set_affinity(struct domctl_call *c)
{
	const struct xen_domctl_vcpuaffinity *a = &c->op.u.vcpuaffinity;
	cpumask_t hard, soft, old, eff;
	struct vcpu *v;
	int rc;

	v = affinity_vcpu(c, &rc);
	if (!v)
		return rc;
	if (a->flags & XEN_VCPUAFFINITY_FORCE)
		vcpu_temporary_affinity(v, 0, false);
	if (((a->flags & XEN_VCPUAFFINITY_HARD) && cpumask_from_guest(&hard, &a->cpumap_hard)) ||
	    ((a->flags & XEN_VCPUAFFINITY_SOFT) && cpumask_from_guest(&soft, &a->cpumap_soft)))
		return -EFAULT;
	old = *vcpu_hard_affinity(v);
	if (a->flags & XEN_VCPUAFFINITY_HARD) {
		rc = vcpu_set_hard_affinity(v, &hard);
		if (rc)
			return rc;
		cpumask_and(&eff, vcpu_hard_affinity(v), &cpu_online_map);
		if (cpumask_to_guest(&a->cpumap_hard, &eff))
			return -EFAULT;
	}
	if (a->flags & XEN_VCPUAFFINITY_SOFT) {
		rc = vcpu_set_soft_affinity(v, &soft);
		if (rc) {
			if (a->flags & XEN_VCPUAFFINITY_HARD)
				vcpu_set_hard_affinity(v, &old);
			return rc;
		}
		cpumask_and(&eff, vcpu_hard_affinity(v), vcpu_soft_affinity(v));
		cpumask_and(&eff, &eff, &cpu_online_map);
		if (cpumask_to_guest(&a->cpumap_soft, &eff))
			return -EFAULT;
	}
	return 0;
}

long domctl_get_affinity(struct domctl_call *c)
{
	const struct xen_domctl_vcpuaffinity *a = &c->op.u.vcpuaffinity;
	struct vcpu *v;
	int rc;

	v = affinity_vcpu(c, &rc);
	if (!v)
		return rc;
	if ((a->flags & XEN_VCPUAFFINITY_HARD) && cpumask_to_guest(&a->cpumap_hard, vcpu_hard_affinity(v)))
		return -EFAULT;
	if ((a->flags & XEN_VCPUAFFINITY_SOFT) && cpumask_to_guest(&a->cpumap_soft, vcpu_soft_affinity(v)))
		return -EFAULT;
	return 0;
}

long domctl_trigger(struct domctl_call *c)
{
	const struct xen_domctl_sendtrigger *a = &c->op.u.sendtrigger;
	struct vcpu *v;

	v = domain_vcpu(c->d, a->vcpu);
	if (!v)
		return -ESRCH;
	switch (a->trigger) {
	case XEN_DOMCTL_SENDTRIGGER_NMI:
		vcpu_send_nmi(v);
		return 0;
	case XEN_DOMCTL_SENDTRIGGER_POWER:	/* buttons of an HVM guest's machine */
	case XEN_DOMCTL_SENDTRIGGER_SLEEP:
		return -EINVAL;
	default:
		return -ENOSYS;
	}
}

/* A debugger's own pause of one vCPU: counted apart, so that it can give back only what it took. */
static int gdbsx_check(struct domctl_call *c, struct vcpu **v)
{
	*v = other_vcpu(c, c->op.u.gdbsx_pauseunp_vcpu.vcpu);
	if (!c->d->controller_pause_count)
		return -EBUSY;
	return *v ? 0 : -EINVAL;
}

long domctl_pause_vcpu(struct domctl_call *c)
{
	struct vcpu *v;
	int rc = gdbsx_check(c, &v);

	if (rc)
		return rc;
	if (v->debugger_paused)
		return -EINVAL;
	v->debugger_paused = true;
	vcpu_pause(v);
	return 0;
}

long domctl_unpause_vcpu(struct domctl_call *c)
{
	struct vcpu *v;
	int rc = gdbsx_check(c, &v);

	if (rc)
		return rc;
	if (!v->debugger_paused)
		return -EINVAL;
	v->debugger_paused = false;
	vcpu_unpause(v);
	return 0;
}

long domctl_gdbsx_status(struct domctl_call *c)
{
	struct xen_domctl_gdbsx_domstatus *s = &c->op.u.gdbsx_domstatus;

	struct vcpu *v;

	s->vcpu_id = -1;
	s->vcpu_ev = 0;
	s->paused = c->d->controller_pause_count > 0;
	for_each_vcpu(c->d, v) {
		if (!s->paused || !READ_ONCE(v->debugger_event))
			continue;
		s->vcpu_id = v->id;
		s->vcpu_ev = xchg(&v->debugger_event, 0);
		break;
	}
	return 0;
}
