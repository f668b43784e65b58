// SPDX-License-Identifier: GPL-2.0-or-later
/* sysctl: CPU policies, what CPUs have counted, and power management: the hypervisor idles by HLT and changes no frequency. */
#include "hypercall/sysctl_cpu.h"
#include "hypercall/sysctl.h"
#include "lib/printf.h"
#include "lib/spinlock.h"
#include "pv/cpu_policy.h"
#include "sched/sched.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/irq.h"
#include "x86/time.h"

long sysctl_levelling(struct sysctl_call *c)
{
	c->op.u.cpu_levelling_caps.caps = 0;	/* neither CPUID faulting nor masking is used */
	return 0;
}

long sysctl_featureset(struct sysctl_call *c)
{
	static const uint8_t policy_of[] = {
		[XEN_SYSCTL_cpu_featureset_raw] = XEN_SYSCTL_cpu_policy_raw,
		[XEN_SYSCTL_cpu_featureset_host] = XEN_SYSCTL_cpu_policy_host,
		[XEN_SYSCTL_cpu_featureset_pv] = XEN_SYSCTL_cpu_policy_pv_default,
		[XEN_SYSCTL_cpu_featureset_hvm] = XEN_SYSCTL_cpu_policy_hvm_default,
		[XEN_SYSCTL_cpu_featureset_pv_max] = XEN_SYSCTL_cpu_policy_pv_max,
		[XEN_SYSCTL_cpu_featureset_hvm_max] = XEN_SYSCTL_cpu_policy_hvm_max,
	};
	struct xen_sysctl_cpu_featureset *f = &c->op.u.cpu_featureset;
	uint32_t words[FEATURESET_WORDS], nr;
	const struct cpu_policy *p;

	if (guest_handle_is_null(f->features)) {
		f->nr_features = FEATURESET_WORDS;
		return 0;
	}
	if (f->index >= ARRAY_SIZE(policy_of))
		return -EINVAL;
	p = cpu_policy_system(policy_of[f->index]);
	if (!p)
		return -EOPNOTSUPP;
	cpu_policy_featureset(p, words);
	nr = MIN(f->nr_features, FEATURESET_WORDS);
	if (copy_to_guest(f->features, words, nr))
		return -EFAULT;
	c->copyback = true;
	nr = f->nr_features < FEATURESET_WORDS;
	f->nr_features = FEATURESET_WORDS;
	return nr ? -ENOBUFS : 0;
}

long sysctl_policy(struct sysctl_call *c)
{
	static const xen_msr_entry_t msrs[POLICY_MAX_MSRS] = {
		{ MSR_PLATFORM_INFO, 0, 0 }, { MSR_ARCH_CAPABILITIES, 0, 0 },
	};
	struct xen_sysctl_cpu_policy *a = &c->op.u.cpu_policy;
	const struct cpu_policy *p;

	if (a->_rsvd || a->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -EINVAL;
	p = cpu_policy_system(a->index);
	if (!p)
		return -EOPNOTSUPP;
	if (guest_handle_is_null(a->leaves)) {
		a->nr_leaves = POLICY_MAX_LEAVES;
	} else {
		if (a->nr_leaves < p->nr)
			return -ENOBUFS;
		if (copy_to_guest(a->leaves, p->leaf, p->nr))
			return -EFAULT;
		a->nr_leaves = p->nr;
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

#define NR_CX 2u	/* C0 and C1 */

static long cx_stat(struct pm_cx_stat *s, unsigned cpu)
{
	const uint64_t zero = 0, idle = cpu_idle_time(cpu), busy = now() - idle;

	for (uint32_t i = 0; i < MIN(s->nr, NR_CX); i++) {
		const uint64_t *t = i ? &idle : &busy;

		if (copy_to_guest_offset(s->triggers, i, &zero, 1) ||
		    copy_to_guest_offset(s->residencies, i, t, 1))
			return -EFAULT;
	}
	s->nr = NR_CX;
	s->last = 1;
	s->idle_time = idle;
	s->nr_pc = s->nr_cc = 0;
	return 0;
}

long sysctl_pmstat(struct sysctl_call *c)
{
	struct xen_sysctl_get_pmstat *s = &c->op.u.get_pmstat;

	if (!cpu_online(s->cpuid))
		return -EINVAL;
	switch (s->type) {
	case PMSTAT_get_max_cx:
		s->u.getcx.nr = NR_CX;
		return 0;
	case PMSTAT_get_cxstat:
		return cx_stat(&s->u.getcx, s->cpuid);
	case PMSTAT_reset_cxstat:
		return 0;
	case PMSTAT_get_max_px:
	case PMSTAT_get_pxstat:
	case PMSTAT_reset_pxstat:
		return -ENODEV;		/* no frequency driver */
	default:
		return -ENOSYS;
	}
}

long sysctl_pm_op(struct sysctl_call *c)
{
	struct xen_sysctl_pm_op *op = &c->op.u.pm_op;

	if (!cpu_online(op->cpuid) && op->cmd < XEN_SYSCTL_pm_op_set_sched_opt_smt)
		return -EINVAL;
	switch (op->cmd) {
	case GET_CPUFREQ_PARA:
	case SET_CPUFREQ_GOV:
	case SET_CPUFREQ_PARA:
	case GET_CPUFREQ_AVGFREQ:
	case XEN_SYSCTL_pm_op_enable_turbo:
	case XEN_SYSCTL_pm_op_disable_turbo:
		return -ENODEV;
	case XEN_SYSCTL_pm_op_get_max_cstate:
		if (op->cpuid > 1)
			return -EINVAL;
		op->u.get_max_cstate = op->cpuid ? XEN_SYSCTL_CX_UNLIMITED : 1;
		return 0;
	case XEN_SYSCTL_pm_op_set_max_cstate:
		return -EOPNOTSUPP;
	default:
		return -ENOSYS;
	}
}

/* Where the next counter goes: to the caller's arrays, if there are any. */
struct perfc_place { struct xen_sysctl_perfc_op *op; unsigned counters, values; };

static long put_name(struct perfc_place *at, const char *name, unsigned nr_vals)
{
	xen_sysctl_perfc_desc_t desc = { .nr_vals = nr_vals };

	snprintf(desc.name, sizeof(desc.name), "%s", name);
	if (!guest_handle_is_null(at->op->desc) && copy_to_guest_offset(at->op->desc, at->counters, &desc, 1))
		return -EFAULT;
	at->counters++;
	return 0;
}

static long put_value(struct perfc_place *at, uint64_t value)
{
	xen_sysctl_perfc_val_t v = MIN(value, UINT32_MAX);

	if (!guest_handle_is_null(at->op->val) && copy_to_guest_offset(at->op->val, at->values, &v, 1))
		return -EFAULT;
	at->values++;
	return 0;
}

/* The interrupts that CPUs get from their timers and from each other. */
static long put_interrupts(struct perfc_place *at)
{
	static const struct { const char *name; unsigned vector; } counters[] = {
		{ "timer interrupts", VECTOR_TIMER },
		{ "TLB flushes that another CPU asked for", VECTOR_TLB },
		{ "wake-ups by another CPU", VECTOR_EVENT_CHECK },
		{ "calls by another CPU", VECTOR_CALL },
	};
	unsigned cpu;
	long rc = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(counters) && !rc; i++) {
		rc = put_name(at, counters[i].name, nr_cpus_online);
		for_each_cpu(cpu, &cpu_online_map)
			rc = rc ?: put_value(at, irq_taken(cpu, counters[i].vector));
	}
	return rc;
}

/* Debug builds: the longest time for which a lock of each class was held. */
static long put_locks(struct perfc_place *at)
{
	const char *name;
	uint64_t ticks;
	long rc = 0;

	for (unsigned i = 0; !rc && (name = lock_check_longest(i, &ticks)); i++)
		rc = put_name(at, name, 1) ?: put_value(at, ticks * 1000000 / tsc_khz);
	return rc;
}

long sysctl_perfc(struct sysctl_call *c)
{
	struct perfc_place at = { .op = &c->op.u.perfc_op };
	long rc;

	if (at.op->cmd == XEN_SYSCTL_PERFCOP_reset) {
		irq_taken_forget();
		lock_check_forget();
		return 0;
	}
	if (at.op->cmd != XEN_SYSCTL_PERFCOP_query)
		return -EINVAL;
	rc = put_interrupts(&at) ?: put_locks(&at);
	at.op->nr_counters = at.counters;
	at.op->nr_vals = at.values;
	return rc;
}
