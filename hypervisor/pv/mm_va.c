// SPDX-License-Identifier: GPL-2.0-or-later
/* update_va_mapping: one L1 entry, named by the address that it maps, and the flush that goes with it (xen/xen.h, UVMF_*). */
#include "pv/mm_priv.h"
#include "gmem/guest_access.h"
#include "x86/cpu.h"

/* -EFAULT: the mask of vCPUs cannot be read */
static int flush_cpus(uint64_t flags, cpumask_t *out)
{
	const void *guest_mask = (const void *)(flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK);
	struct domain *d = current->domain;
	uint64_t mask[DIV_ROUND_UP(MAX_VIRT_CPUS, 64)] = { 0 };
	struct vcpu *v;

	tlb_owe(&d->tlb_owed);
	*out = d->dirty_cpus;
	if ((flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK) == UVMF_ALL)
		return 0;
	cpumask_clear(out);
	if (guest_copy_in(mask, guest_mask, DIV_ROUND_UP(MIN(d->max_vcpus, MAX_VIRT_CPUS), 8)))
		return -EFAULT;
	for_each_vcpu(d, v) {
		uint32_t cpu = READ_ONCE(v->dirty_cpu);

		if (test_bit(v->id, mask) && cpu < NR_CPUS)
			cpumask_set_cpu(cpu, out);
	}
	cpumask_and(out, out, &d->dirty_cpus);
	return 0;
}

static int flush_for(uint64_t va, uint64_t flags)
{
	bool all = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH, one = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG;
	cpumask_t m;
	int rc;

	if (!all && !one)
		return 0;
	if ((flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK) == UVMF_LOCAL) {
		if (all)
			flush_tlb_local(0);
		else
			flush_tlb_one_local(va);
		return 0;
	}
	rc = flush_cpus(flags, &m);
	if (rc)
		return rc;
	if (all)
		flush_tlb_mask(&m, 0);
	else
		flush_tlb_one_mask(&m, va);
	return 0;
}

static long update_va(uint64_t va, uint64_t val, uint64_t flags, struct domain *frame_owner)
{
	struct vcpu *v = current;
	struct pt_update u = { .d = v->domain, .frame_owner = frame_owner, .how = PT_SET, .l1_only = true };
	struct frame *l1;
	int rc, flushed;

	l1 = pv_l1_of(v, va);
	if (!l1)
		return -EINVAL;
	rc = pv_table_update(l1, l1_index(va), val, &u);
	frame_put(l1);
	if (rc == -ENOENT)
		rc = -EINVAL;
	flushed = flush_for(va, flags);
	return rc ? rc : flushed;
}

/* update_va_mapping(va, pte, flags) */
long hc_update_va_mapping(struct hypercall *h)
{
	if (pv_settle_old(current))
		return hypercall_again(h);
	return update_va(h->a[0], h->a[1], h->a[2], current->domain);
}

/* update_va_mapping_otherdomain(va, pte, flags, domid): the frame may be domid's */
long hc_update_va_mapping_otherdomain(struct hypercall *h)
{
	int err = 0;
	struct domain *o;

	if (pv_settle_old(current))
		return hypercall_again(h);
	o = pv_frame_owner((domid_t)h->a[3], &err);
	return o ? update_va(h->a[0], h->a[1], h->a[2], o) : err;
}
