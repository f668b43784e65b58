// SPDX-License-Identifier: GPL-2.0-or-later
/* mmuext_op (xen/xen.h, struct mmuext_op): pins, roots, flushes, the LDT, whole pages. A table of sub-operations. */
#include "pv/mm_priv.h"
#include "gmem/guest_access.h"
#include "lib/string.h"
#include "x86/cpu.h"
#include "x86/traps.h"

struct ext { const struct mmuext_op *op; struct domain *owner; };

static void wbinvd(void *unused) { __asm__ volatile("wbinvd" ::: "memory"); }

static int ext_pin(const struct ext *x)
{
	uint64_t type = FTYPE_L1 + ((uint64_t)(x->op->cmd - MMUEXT_PIN_L1_TABLE) << FTYPE_SHIFT);
	struct domain *d = x->owner;
	struct frame *f = pv_frame_get(MFN(x->op->arg1.mfn), d);
	uint64_t old;
	int rc;

	if (!f || !d->pv) {
		if (f)
			frame_put(f);
		return -EINVAL;
	}
	rc = pv_type_get(f, type, d, true);
	if (rc == -EAGAIN_HYPERCALL) {
		frame_put(f);
		return rc;
	}
	if (rc) {
		pv_put_failed(f);
		return rc;
	}
	old = __atomic_fetch_or(&f->type, FTYPE_PINNED, __ATOMIC_SEQ_CST);
	if (old & FTYPE_PINNED) {
		pv_put_table_later(f);
		return -EINVAL;
	}
	frame_dirtied(f);
	/* The pin keeps both references. A dying domain may have passed this frame already. */
	if (d->state != DOM_DYING && d->state != DOM_DEAD)
		return 0;
	old = __atomic_fetch_and(&f->type, ~FTYPE_PINNED, __ATOMIC_SEQ_CST);
	if (old & FTYPE_PINNED)
		pv_put_table_later(f);
	return -EINVAL;
}

static int ext_unpin(const struct ext *x)
{
	struct frame *f = pv_frame_get(MFN(x->op->arg1.mfn), x->owner);
	bool pinned = false;
	uint64_t t;

	if (!f)
		return -EINVAL;
	for (t = READ_ONCE(f->type); t & FTYPE_PINNED; t = READ_ONCE(f->type)) {
		if (cmpxchg(&f->type, t, t & ~FTYPE_PINNED) == t) {
			pinned = true;
			break;
		}
	}
	if (pinned)
		frame_dirtied(f);
	if (pinned)
		pv_put_table_later(f);	/* the pin's; ours keeps the frame until the next line */
	frame_put(f);
	return pinned ? 0 : -EINVAL;
}

static int ext_baseptr(const struct ext *x)
{
	return pv_set_guest_table(current, MFN(x->op->arg1.mfn), false, true);
}

static int ext_user_baseptr(const struct ext *x)
{
	uint64_t n = x->op->arg1.mfn;

	return n == current->pv->guest_table_user ? 0 : pv_set_guest_table(current, MFN(n), true, true);
}

/* The CPUs that hold translations of the vCPUs of a guest's bitmap. */
static int vcpu_cpus(const void *guest_mask, cpumask_t *out)
{
	struct domain *d = current->domain;
	uint64_t mask[DIV_ROUND_UP(MAX_VIRT_CPUS, 64)] = { 0 };
	struct vcpu *v;

	cpumask_clear(out);
	if (guest_copy_in(mask, guest_mask, DIV_ROUND_UP(MIN(d->max_vcpus, MAX_VIRT_CPUS), 8)))
		return -EFAULT;
	tlb_owe(&d->tlb_owed);
	for_each_vcpu(d, v) {
		uint32_t cpu = READ_ONCE(v->dirty_cpu);

		if (test_bit(v->id, mask) && cpu < NR_CPUS)
			cpumask_set_cpu(cpu, out);
	}
	cpumask_and(out, out, &d->dirty_cpus);
	return 0;
}

static int ext_flush_local(const struct ext *x)
{
	flush_tlb_local(0);
	return 0;
}

static int ext_invlpg_local(const struct ext *x)
{
	if (guest_addr_ok(x->op->arg1.linear_addr, 1))
		flush_tlb_one_local(x->op->arg1.linear_addr);
	return 0;
}

static int ext_flush_multi(const struct ext *x)
{
	cpumask_t m;

	if (vcpu_cpus(x->op->arg2.vcpumask.p, &m))
		return -EINVAL;
	flush_tlb_mask(&m, 0);
	return 0;
}

static int ext_invlpg_multi(const struct ext *x)
{
	cpumask_t m;

	if (vcpu_cpus(x->op->arg2.vcpumask.p, &m))
		return -EINVAL;
	if (guest_addr_ok(x->op->arg1.linear_addr, 1))
		flush_tlb_one_mask(&m, x->op->arg1.linear_addr);
	return 0;
}

static int ext_flush_all(const struct ext *x)
{
	domain_flush_tlb(current->domain);
	return 0;
}

static int ext_invlpg_all(const struct ext *x)
{
	struct domain *d = current->domain;

	if (!guest_addr_ok(x->op->arg1.linear_addr, 1))
		return 0;
	tlb_owe(&d->tlb_owed);
	flush_tlb_one_mask(&d->dirty_cpus, x->op->arg1.linear_addr);
	return 0;
}

static int ext_flush_cache(const struct ext *x)
{
	if (!pv_owns_devices(current->domain))
		return -EACCES;
	wbinvd(NULL);
	return 0;
}

static int ext_flush_cache_global(const struct ext *x)
{
	if (!pv_owns_devices(current->domain))
		return -EINVAL;
	on_selected_cpus(&cpu_online_map, wbinvd, NULL, true);
	return 0;
}

static int ext_set_ldt(const struct ext *x)
{
	struct vcpu *v = current;
	struct pv_vcpu *pv = v->pv;
	uint64_t base = x->op->arg1.linear_addr;
	unsigned ents = x->op->arg2.nr_ents;

	if (ents > 8192 || (ents && ((base & ~PAGE_MASK) || !guest_addr_ok(base, ents * 8ul))))
		return -EINVAL;
	if (pv->ldt_base == base && pv->ldt_ents == ents)
		return 0;
	pv_invalidate_ldt(v);
	pv->ldt_base = base;
	pv->ldt_ents = ents;
	cpu_load_ldt(pv_ldt_virt(v), ents);
	return 0;
}

static struct frame *writable_frame(uint64_t n, struct domain *d)
{
	struct frame *f = pv_frame_get(MFN(n), d);

	if (f && !pv_get_writable(f, d)) {
		frame_put(f);
		f = NULL;
	}
	return f;
}

static int ext_clear_page(const struct ext *x)
{
	struct frame *f = writable_frame(x->op->arg1.mfn, x->owner);

	if (!f)
		return -EINVAL;
	memset(frame_va(f), 0, PAGE_SIZE);
	frame_dirtied(f);
	pv_type_put(f);
	frame_put(f);
	return 0;
}

static int ext_copy_page(const struct ext *x)
{
	struct frame *from = pv_frame_get(MFN(x->op->arg2.src_mfn), x->owner), *to;

	if (!from)
		return -EINVAL;
	to = writable_frame(x->op->arg1.mfn, x->owner);
	if (to) {
		memcpy(frame_va(to), frame_va(from), PAGE_SIZE);
		frame_dirtied(to);
		pv_type_put(to);
		frame_put(to);
	}
	frame_put(from);
	return to ? 0 : -EINVAL;
}

static int ext_unsupported(const struct ext *x) { return -EOPNOTSUPP; }

static const struct { int (*fn)(const struct ext *x); bool foreign; } ext_ops[] = {
	[MMUEXT_PIN_L1_TABLE] = { ext_pin, true },
	[MMUEXT_PIN_L2_TABLE] = { ext_pin, true },
	[MMUEXT_PIN_L3_TABLE] = { ext_pin, true },
	[MMUEXT_PIN_L4_TABLE] = { ext_pin, true },
	[MMUEXT_UNPIN_TABLE] = { ext_unpin, true },
	[MMUEXT_NEW_BASEPTR] = { ext_baseptr, false },
	[MMUEXT_TLB_FLUSH_LOCAL] = { ext_flush_local, false },
	[MMUEXT_INVLPG_LOCAL] = { ext_invlpg_local, false },
	[MMUEXT_TLB_FLUSH_MULTI] = { ext_flush_multi, false },
	[MMUEXT_INVLPG_MULTI] = { ext_invlpg_multi, false },
	[MMUEXT_TLB_FLUSH_ALL] = { ext_flush_all, false },
	[MMUEXT_INVLPG_ALL] = { ext_invlpg_all, false },
	[MMUEXT_FLUSH_CACHE] = { ext_flush_cache, false },
	[MMUEXT_SET_LDT] = { ext_set_ldt, false },
	[MMUEXT_NEW_USER_BASEPTR] = { ext_user_baseptr, false },
	[MMUEXT_CLEAR_PAGE] = { ext_clear_page, true },
	[MMUEXT_COPY_PAGE] = { ext_copy_page, true },
	[MMUEXT_FLUSH_CACHE_GLOBAL] = { ext_flush_cache_global, false },
	[MMUEXT_MARK_SUPER] = { ext_unsupported, true },
	[MMUEXT_UNMARK_SUPER] = { ext_unsupported, true },
};

static int ext_one(const struct mmuext_op *guest, struct domain *owner)
{
	struct mmuext_op op;
	struct ext x = { .op = &op, .owner = owner };

	if (guest_copy_in(&op, guest, sizeof(op)))
		return -EFAULT;
	if (op.cmd >= ARRAY_SIZE(ext_ops) || !ext_ops[op.cmd].fn)
		return -ENOSYS;
	if (!ext_ops[op.cmd].foreign && owner != current->domain)
		return -EPERM;
	return ext_ops[op.cmd].fn(&x);
}

/* mmuext_op(ops, count, pdone, foreigndom) */
long hc_mmuext_op(struct hypercall *h)
{
	const struct mmuext_op *op = (const void *)h->a[0];
	uint32_t count = h->a[1], done = 0, i;
	uint32_t *guest_done = (void *)h->a[2];
	struct domain *owner;
	int rc = 0;

	if (pv_settle_old(current))
		return hypercall_again(h);
	if (count & MMU_UPDATE_PREEMPTED) {
		count &= ~MMU_UPDATE_PREEMPTED;
		if (guest_done && guest_copy_in(&done, guest_done, sizeof(done)))
			return -EFAULT;
	}
	owner = pv_frame_owner((domid_t)h->a[3], &rc);
	if (!owner)
		return rc;
	rc = 0;
	for (i = 0; i < count; i++) {
		if ((i && hypercall_preempt_check()) || pv_settle_old(current)) {
			rc = -EAGAIN_HYPERCALL;
			break;
		}
		rc = ext_one(&op[i], owner);
		if (rc)
			break;
	}
	/* What the last operation left is done before the guest goes on, for it may count on the pages being free. */
	if (!rc && pv_settle_old(current))
		rc = -EAGAIN_HYPERCALL;
	done += i;
	pv_done_out(guest_done, done);
	if (rc != -EAGAIN_HYPERCALL)
		return rc;
	h->a[0] = (uint64_t)&op[i];
	h->a[1] = (count - i) | MMU_UPDATE_PREEMPTED;
	return hypercall_again(h);
}
