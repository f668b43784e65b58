// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: what a domain's CPUs are and hold: policy, TSC, extended state, callbacks, MSRs. */
#include "hypercall/domctl_cpu.h"
#include "hypercall/domctl.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "pv/cpu_policy.h"
#include "pv/emulate.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/spec_ctrl.h"
#include "x86/traps.h"

/* libxc sends a policy in one piece; nothing needs more entries than a policy has. */
static long policy_in(const struct xen_domctl_cpu_policy *a, xen_cpuid_leaf_t **leaves, xen_msr_entry_t *msrs)
{
	if (a->nr_leaves > POLICY_MAX_LEAVES || a->nr_msrs > POLICY_MAX_MSRS)
		return -E2BIG;
	*leaves = new_array(xen_cpuid_leaf_t, POLICY_MAX_LEAVES);
	if (!*leaves)
		return -ENOMEM;
	if (guest_copy_in(*leaves, a->leaves.p, a->nr_leaves * sizeof(**leaves)) ||
	    guest_copy_in(msrs, a->msrs.p, a->nr_msrs * sizeof(*msrs)))
		return -EFAULT;
	return 0;
}

/* Both MSRs of a policy read as zero in PV guests: no CPUID faulting, no ARCH_CAPABILITIES. */
static long check_msrs(struct xen_domctl_cpu_policy *a, const xen_msr_entry_t *msrs)
{
	for (unsigned i = 0; i < a->nr_msrs; i++) {
		a->err_msr = msrs[i].idx;
		if (msrs[i].flags)
			return -EINVAL;
		if (msrs[i].idx != MSR_PLATFORM_INFO && msrs[i].idx != MSR_ARCH_CAPABILITIES)
			return -ERANGE;
		if (msrs[i].val)
			return -EOVERFLOW;
	}
	return 0;
}

long domctl_set_policy(struct domctl_call *c)
{
	struct xen_domctl_cpu_policy *a = &c->op.u.cpu_policy;
	xen_msr_entry_t msrs[POLICY_MAX_MSRS];
	xen_cpuid_leaf_t *leaves = NULL;
	long rc;

	if (c->d == current->domain)
		return -EINVAL;
	if (c->d->started)
		return -EEXIST;
	a->err_leaf = a->err_subleaf = a->err_msr = ~0u;
	rc = policy_in(a, &leaves, msrs);
	if (!rc) {
		rc = check_msrs(a, msrs);
		c->copyback = rc != 0;
	}
	if (!rc) {
		domain_pause(c->d);
		rc = cpu_policy_set(c->d, leaves, a->nr_leaves, &a->err_leaf, &a->err_subleaf);
		domain_unpause(c->d);
		c->copyback = rc != 0;
	}
	heap_free(leaves);
	return rc;
}

long domctl_get_policy(struct domctl_call *c)
{
	static const xen_msr_entry_t msrs[POLICY_MAX_MSRS] = {
		{ MSR_PLATFORM_INFO, 0, 0 }, { MSR_ARCH_CAPABILITIES, 0, 0 },
	};
	struct xen_domctl_cpu_policy *a = &c->op.u.cpu_policy;
	const struct cpu_policy *p = cpu_policy_of(c->d);

	if (!guest_handle_is_null(a->leaves)) {
		if (a->nr_leaves < p->nr)
			return -ENOBUFS;
		if (copy_to_guest(a->leaves, p->leaf, p->nr))
			return -EFAULT;
		a->nr_leaves = p->nr;
	} else {
		a->nr_leaves = POLICY_MAX_LEAVES;
	}
	if (!guest_handle_is_null(a->msrs)) {
		if (a->nr_msrs < POLICY_MAX_MSRS)
			return -ENOBUFS;
		if (copy_to_guest(a->msrs, msrs, POLICY_MAX_MSRS))
			return -EFAULT;
	}
	a->nr_msrs = POLICY_MAX_MSRS;
	return 0;
}

long domctl_get_tsc(struct domctl_call *c)
{
	struct xen_domctl_tsc_info *t = &c->op.u.tsc_info;
	int rc;

	if (c->d == current->domain)
		return -EINVAL;
	domain_pause(c->d);
	t->pad = 0;
	rc = guest_tsc_get(c->d, &t->tsc_mode, &t->elapsed_nsec, &t->gtsc_khz, &t->incarnation);
	domain_unpause(c->d);
	return rc;
}

long domctl_set_tsc(struct domctl_call *c)
{
	const struct xen_domctl_tsc_info *t = &c->op.u.tsc_info;
	int rc;

	if (c->d == current->domain)
		return -EINVAL;
	domain_pause(c->d);
	rc = guest_tsc_set(c->d, t->tsc_mode, t->elapsed_nsec, t->gtsc_khz, t->incarnation);
	domain_unpause(c->d);
	return rc;
}

/*
 * Extended state crosses as two words, XCR0 and all that it ever was, and the area in the standard format
 * of XSAVE.
 */
struct xstate_head { uint64_t xcr0, xcr0_accum; };

static uint64_t xstate_allowed(const struct domain *d)
{
	const xen_cpuid_leaf_t *l = cpu_policy_find(cpu_policy_of(d), 0xd, 0);

	return l ? l->a | (uint64_t)l->d << 32 : 0;
}

static struct vcpu *xstate_vcpu(struct domctl_call *c)
{
	return c->d == current->domain ? NULL : domain_vcpu(c->d, c->op.u.vcpuextstate.vcpu);
}

long domctl_get_xstate(struct domctl_call *c)
{
	struct xen_domctl_vcpuextstate *a = &c->op.u.vcpuextstate;
	struct vcpu *v = xstate_vcpu(c);
	uint64_t allowed = xstate_allowed(c->d);
	struct xstate_head head;
	uint32_t area;
	long rc = 0;

	if (c->d == current->domain)
		return -EINVAL;
	if (!v)
		return -ESRCH;
	vcpu_pause(v);
	vcpu_sync_state(v);
	head = (struct xstate_head){ v->xcr0, v->xcr0_accum };
	area = MIN(cpu_policy_xsave_bytes(cpu_policy_of(c->d), v->xcr0_accum), host_cpu.xstate_size);
	if (!allowed) {
		a->xfeature_mask = a->size = 0;
	} else if ((!a->size && !a->xfeature_mask) || guest_handle_is_null(a->buffer)) {
		a->xfeature_mask = allowed;
		a->size = sizeof(head) + area;
	} else if (a->size != sizeof(head) + area || a->xfeature_mask != allowed) {
		rc = -EINVAL;
	} else if (guest_copy_out(a->buffer.p, &head, sizeof(head)) ||
		   guest_copy_out((char *)a->buffer.p + sizeof(head), v->xstate, area)) {
		rc = -EFAULT;
	}
	vcpu_unpause(v);
	return rc;
}

static bool xcr0_valid(uint64_t x)
{
	const uint64_t avx512 = 0xe0;

	if (!(x & 1) || ((x & 4) && !(x & 2)))
		return false;
	return !(x & avx512) || ((x & avx512) == avx512 && (x & 4));
}

long domctl_set_xstate(struct domctl_call *c)
{
	struct xen_domctl_vcpuextstate *a = &c->op.u.vcpuextstate;
	uint64_t allowed = xstate_allowed(c->d);
	struct vcpu *v = xstate_vcpu(c);
	struct xstate_head head;
	uint64_t n;
	void *area;
	long rc;

	if (c->d != current->domain && !v)
		return -ESRCH;
	if (!v || a->size < sizeof(head) + XSAVE_MIN_BYTES || a->size > sizeof(head) + host_cpu.xstate_size)
		return -EINVAL;
	if (guest_copy_in(&head, a->buffer.p, sizeof(head)))
		return -EFAULT;
	if (!xcr0_valid(head.xcr0) || !xcr0_valid(head.xcr0_accum) || head.xcr0 & ~head.xcr0_accum ||
	    head.xcr0_accum & ~allowed)
		return -EINVAL;
	area = xstate_alloc();
	if (!area)
		return -ENOMEM;
	n = a->size - sizeof(head);
	memset(area, 0, host_cpu.xstate_size);
	if (guest_copy_in(area, (char *)a->buffer.p + sizeof(head), n))
		rc = -EFAULT;
	else
		rc = xstate_sanitize(area);
	if (!rc) {
		vcpu_pause(v);
		vcpu_sync_state(v);
		memcpy(v->xstate, area, host_cpu.xstate_size);
		v->xcr0 = head.xcr0;
		v->xcr0_accum = head.xcr0_accum;
		vcpu_unpause(v);
	}
	xstate_free(area);
	return rc;
}

long domctl_get_ext_context(struct domctl_call *c)
{
	struct xen_domctl_ext_vcpucontext *e = &c->op.u.ext_vcpucontext;
	struct vcpu *v = domain_vcpu(c->d, e->vcpu);
	uint32_t id = e->vcpu;

	if (e->vcpu >= c->d->max_vcpus)
		return -EINVAL;
	if (!v)
		return -ESRCH;
	if (v == current)
		return -EINVAL;
	vcpu_pause(v);
	memset(e, 0, sizeof(*e));
	e->vcpu = id;
	e->size = sizeof(*e);
	e->sysenter_callback_cs = v->pv->sysenter_callback_cs;
	e->sysenter_callback_eip = v->pv->sysenter_callback_eip;
	e->sysenter_disables_events = v->pv->sysenter_disables_events;
	e->syscall32_callback_cs = v->pv->syscall32_callback_cs;
	e->syscall32_callback_eip = v->pv->syscall32_callback_eip;
	e->syscall32_disables_events = v->pv->syscall32_disables_events;
	vcpu_unpause(v);
	return 0;
}

static bool callback_ok(uint64_t eip)	/* canonical: it goes into rip by IRET */
{
	return (uint64_t)((int64_t)(eip << 16) >> 16) == eip;
}

long domctl_set_ext_context(struct domctl_call *c)
{
	const struct xen_domctl_ext_vcpucontext *e = &c->op.u.ext_vcpucontext;
	struct vcpu *v = domain_vcpu(c->d, e->vcpu);

	if (e->vcpu >= c->d->max_vcpus)
		return -EINVAL;
	if (!v)
		return -ESRCH;
	if (v == current || e->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
		return -EINVAL;
	if (!callback_ok(e->sysenter_callback_eip) || !callback_ok(e->syscall32_callback_eip))
		return -EINVAL;
	vcpu_pause(v);
	v->pv->sysenter_callback_cs = e->sysenter_callback_cs ? e->sysenter_callback_cs | 3 : 0;
	v->pv->sysenter_callback_eip = e->sysenter_callback_eip;
	v->pv->sysenter_disables_events = e->sysenter_disables_events;
	v->pv->syscall32_callback_cs = e->syscall32_callback_cs ? e->syscall32_callback_cs | 3 : 0;
	v->pv->syscall32_callback_eip = e->syscall32_callback_eip;
	v->pv->syscall32_disables_events = e->syscall32_disables_events;
	vcpu_unpause(v);
	return 0;
}

/* The MSRs of a PV vCPU that its context does not hold. */
#define NR_MOVED_MSRS 2u

static struct vcpu *msrs_vcpu(struct domctl_call *c)
{
	return c->d == current->domain ? NULL : domain_vcpu(c->d, c->op.u.vcpu_msrs.vcpu);
}

long domctl_get_msrs(struct domctl_call *c)
{
	struct xen_domctl_vcpu_msrs *m = &c->op.u.vcpu_msrs;
	struct xen_domctl_vcpu_msr msr[NR_MOVED_MSRS] = { 0 };
	struct vcpu *v = msrs_vcpu(c);
	uint32_t n = 0;

	if (!v)
		return -EINVAL;
	if (guest_handle_is_null(m->msrs)) {
		m->msr_count = NR_MOVED_MSRS;
		return 0;
	}
	/* Those that are as at start are not told. */
	if (READ_ONCE(v->pv->spec_ctrl))
		msr[n++] = (struct xen_domctl_vcpu_msr){ .index = MSR_SPEC_CTRL, .value = READ_ONCE(v->pv->spec_ctrl) };
	if (READ_ONCE(v->pv->tsc_aux))
		msr[n++] = (struct xen_domctl_vcpu_msr){ .index = MSR_TSC_AUX, .value = READ_ONCE(v->pv->tsc_aux) };
	if (m->msr_count < n) {
		m->msr_count = n;
		c->copyback = true;
		return -ENOBUFS;
	}
	m->msr_count = n;
	return n ? copy_to_guest(m->msrs, msr, n) : 0;
}

static int set_msr(struct vcpu *v, const struct xen_domctl_vcpu_msr *msr)
{
	bool aux = msr->index == MSR_TSC_AUX;

	if (msr->reserved || (!aux && msr->index != MSR_SPEC_CTRL))
		return -EINVAL;
	if (aux ? msr->value >> 32 || (msr->value && !host_cpu.rdtscp) : !pv_spec_ctrl_ok(v, msr->value))
		return -EINVAL;
	vcpu_pause(v);
	vcpu_sync_state(v);	/* so that it is loaded when v runs next */
	*(aux ? &v->pv->tsc_aux : &v->pv->spec_ctrl) = msr->value;
	vcpu_unpause(v);
	return 0;
}

long domctl_set_msrs(struct domctl_call *c)
{
	struct xen_domctl_vcpu_msrs *m = &c->op.u.vcpu_msrs;

	struct xen_domctl_vcpu_msr msr;
	struct vcpu *v = msrs_vcpu(c);

	if (!v)
		return -EINVAL;
	for (uint32_t i = 0; i < m->msr_count; i++) {
		if (copy_from_guest_offset(&msr, m->msrs, i, 1))
			return -EFAULT;
		if (set_msr(v, &msr)) {
			m->msr_count = i;	/* the one that is refused */
			c->copyback = true;
			return -EINVAL;
		}
		if (i >= NR_MOVED_MSRS)
			return -EINVAL;
	}
	return 0;
}
