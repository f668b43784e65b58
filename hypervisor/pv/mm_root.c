// SPDX-License-Identifier: GPL-2.0-or-later
/* Root tables: the hypervisor's slots, the two roots of a vCPU, what goes into CR3; walks of the running guest's tables. */
#include "pv/mm_joint.h"
#include "pv/mm_priv.h"
#include "mem/alloc.h"
#include "sched/sched.h"
#include "x86/cpu.h"

void pv_fill_root_slots(struct domain *d, uint64_t *l4)
{
	for (unsigned i = ANEL_FIRST_SLOT; i <= ANEL_LAST_SLOT; i++)
		WRITE_ONCE(l4[i], host_root_entry(i));
	WRITE_ONCE(l4[PERDOMAIN_SLOT], pte_make(d->pv->perdomain_l3, PTE_P | PTE_W | PTE_A));
}

__hot void pv_load_root(struct vcpu *v)
{
	cpu_load_root(v->pv->cr3[v->pv->kernel_mode]);
}

/* With the tags that v has on this CPU. */
static void compute_cr3(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;

	for (unsigned kernel = 0; kernel < 2; kernel++) {
		uint64_t root = kernel ? pv->guest_table : pv->guest_table_user;

		if (unlikely(v->domain->pv->log_dirty))
			root = pv_shadow_mfn(pv->shadow_root[kernel]);
		pv->cr3[kernel] = (root ? root : host_root_mfn().n) << PAGE_SHIFT | tlb_tag(&pv->tlb, kernel);
	}
}

void pv_enter_roots(struct vcpu *v)
{
	if (v->domain->pv->pcid)
		tlb_enter(&v->pv->tlb, &v->domain->tlb_owed);
	if (!v->pv->joined || v->domain->pv->log_dirty) {
		pv_joint_part(v);
		compute_cr3(v);
		v->pv->may_join = true;
	}
	pv_load_root(v);
}

/* The roots of v have changed (user: that one has): none of the old ones is walked or remembered when this returns. */
static void roots_changed(struct vcpu *v, bool user)
{
	bool was_joined = v->pv->joined;
	unsigned long flags;

	if (v != current) {
		domain_flush_lazy(v->domain);
		tlb_forget(&v->pv->tlb);
	}
	if (unlikely(v->domain->pv->log_dirty))
		pv_shadow_roots(v);
	flags = irq_save();
	pv_joint_part(v);
	v->pv->may_join = true;
	if (v == current) {
		compute_cr3(v);
		if (v->pv->kernel_mode != user || was_joined)
			cpu_replace_root(v->pv->cr3[v->pv->kernel_mode]);
		else
			tlb_drop_tag(v->pv->cr3[!user]);
	}
	irq_restore(flags);
}

static int take_root(struct frame **out, mfn_t root, struct domain *d, bool preemptible)
{
	struct frame *f;
	int rc;

	*out = NULL;
	if (!root.n)
		return 0;
	f = pv_frame_get(root, d);
	if (!f)
		return -EINVAL;
	rc = pv_type_get(f, FTYPE_L4, d, preemptible);
	if (rc == -EAGAIN_HYPERCALL) {
		frame_put(f);
		return rc;
	}
	if (rc) {
		pv_put_failed(f);
		return -EINVAL;
	}
	*out = f;
	return 0;
}

static void drop_root(uint64_t old, bool preemptible)
{
	struct frame *f;

	if (!old)
		return;
	f = frame_of(MFN(old));
	if (preemptible) {
		pv_put_table_later(f);
		return;
	}
	pv_type_put(f);
	frame_put(f);
}

int pv_set_guest_table(struct vcpu *v, mfn_t root, bool user, bool preemptible)
{
	uint64_t *slot = user ? &v->pv->guest_table_user : &v->pv->guest_table, old = *slot;
	struct frame *f;
	int rc;

	if (!user && !root.n)
		return -EINVAL;
	rc = take_root(&f, root, v->domain, preemptible);
	if (rc)
		return rc;
	/* The M2P is for kernels only: a user's root loses it, unless it is the kernel's too. */
	if (f && (!user || root.n != v->pv->guest_table))
		WRITE_ONCE(((uint64_t *)frame_va(f))[ANEL_FIRST_SLOT], user ? 0 : host_root_entry(ANEL_FIRST_SLOT));
	WRITE_ONCE(*slot, root.n);
	/* No CPU may still walk the old root when its references go. */
	roots_changed(v, user);
	drop_root(old, preemptible);
	return 0;
}

void pv_drop_guest_tables(struct vcpu *v)
{
	uint64_t kernel = xchg(&v->pv->guest_table, 0), user = xchg(&v->pv->guest_table_user, 0);

	if (!kernel && !user)
		return;
	roots_changed(v, !v->pv->kernel_mode);
	drop_root(kernel, false);
	drop_root(user, false);
}

struct domain *pv_frame_owner(domid_t id, int *err)
{
	struct domain *d = current->domain, *o;

	if (likely(id == DOMID_SELF))
		return d;
	*err = -ESRCH;
	if (id == d->id)
		return NULL;	/* as Xen: a domain is not foreign to itself */
	o = id == DOMID_IO ? dom_io : id == DOMID_XEN ? dom_xen : domain_lookup(id);
	if (!o)
		return NULL;
	*err = -EPERM;
	return o == dom_io || (o == dom_xen ? d->is_control : domain_may_control(d, o)) ? o : NULL;
}

/* --- walks --- */

/*
 * Tables of the running guest may go while they are walked, by another vCPU of it: every step asks whether the frame is RAM,
 * and a caller that writes takes references and the table's lock and looks again.
 */
static inline __attribute__((always_inline)) bool walk_step(uint64_t **table, unsigned idx, uint64_t *e)
{
	*e = READ_ONCE((*table)[idx]);
	if (!(*e & PTE_P) || !mfn_counted(pte_mfn(*e)))
		return false;
	*table = mfn_to_va(pte_mfn(*e));
	return true;
}

uint64_t pv_walk(struct vcpu *v, uint64_t addr, mfn_t *l1_table)
{
	uint64_t root = v->pv->kernel_mode ? v->pv->guest_table : v->pv->guest_table_user, *t, e;

	if (!root || !slot_is_guests(l4_index(addr)))
		return 0;
	t = mfn_to_va(MFN(root));
	if (!walk_step(&t, l4_index(addr), &e) || !walk_step(&t, l3_index(addr), &e) || !walk_step(&t, l2_index(addr), &e))
		return 0;
	if (l1_table)
		*l1_table = pte_mfn(e);
	return READ_ONCE(t[l1_index(addr)]);
}

struct frame *pv_l1_of(struct vcpu *v, uint64_t addr)
{
	mfn_t m = INVALID_MFN;

	if (!guest_addr_ok(addr, 1) || ((int64_t)(addr << 16) >> 16) != (int64_t)addr)
		return NULL;
	pv_walk(v, addr, &m);
	return pv_frame_get(m, v->domain);
}

int pv_pin_initial_root(struct domain *d, mfn_t root)
{
	struct frame *f = pv_frame_get(root, d);
	int rc;

	if (!f)
		return -EINVAL;
	rc = pv_type_get(f, FTYPE_L4, d, false);
	if (rc) {
		pv_put_failed(f);
		return rc;
	}
	/* The pin keeps both references, until the kernel unpins what it was started on. */
	__atomic_fetch_or(&f->type, FTYPE_PINNED, __ATOMIC_SEQ_CST);
	return 0;
}
