// SPDX-License-Identifier: GPL-2.0-or-later
/* Shadow tables and joint roots: each entry is compared with the guest's (the rules: pv/mm_shadow.c, pv/mm_joint.c). */
#include "debug/self_check.h"
#include "pv/mm_joint.h"
#include "pv/mm_priv.h"

/* May an entry of a frame of d's own be writable? */
static bool may_write(const struct domain *d, mfn_t m)
{
	const struct pv_shadow *s = d->pv->shadow;

	if (!mfn_counted(m) || frame_owner(frame_of(m)) != d->id)
		return true;
	return (frame_of(m)->count & FRAME_LOGGED) || s->everything || (s->scan.active && s->scan.clean);
}

static void check_leaf(const struct domain *d, uint64_t e, uint64_t guest, bool last)
{
	if ((e ^ guest) & (PTE_ADDR | PTE_U | PTE_NX | PTE_CACHE))
		LIE("d%u: shadow entry %lx of %lx", d->id, (unsigned long)e, (unsigned long)guest);
	if ((e & PTE_W) && (!last || !(guest & PTE_W) || !(guest & PTE_D) || !may_write(d, pte_mfn(e))))
		LIE("d%u: shadow entry %lx of %lx may not be writable", d->id, (unsigned long)e, (unsigned long)guest);
}

static void check_link(const struct domain *d, uint64_t e, uint64_t guest, unsigned level)
{
	const struct shadow_page *low = pv_shadow_find(d->pv->shadow, pte_mfn(guest).n, level);

	if (!low || va_to_mfn(low->va).n != pte_mfn(e).n || ((e ^ guest) & (PTE_W | PTE_U | PTE_NX)))
		LIE("d%u: shadow entry %lx of %lx links what is no shadow of it", d->id, (unsigned long)e,
		    (unsigned long)guest);
}

static void check_page(const struct domain *d, const struct shadow_page *p)
{
	const struct frame *f = frame_of(MFN(p->mfn));
	const uint64_t *guest = frame_va(f);
	unsigned of = (f->type & FTYPE_MASK) >> FTYPE_SHIFT;

	if (frame_owner(f) != d->id || !ftype_is_table(f->type) || !(f->type & FTYPE_VALIDATED) || p->level > of)
		LIE("d%u: a shadow at level %u of frame %lx, whose type word is %lx", d->id, p->level, (unsigned long)p->mfn,
		    (unsigned long)f->type);
	for (unsigned i = 0; i < PTES_PER_TABLE; i++) {
		if (!(p->va[i] & PTE_P) || (p->level == 4 && !slot_is_guests(i)))
			continue;
		if (!(guest[i] & PTE_P) || (of == 4 && !slot_is_guests(i)))
			LIE("d%u: entry %u of a shadow of %lx is %lx", d->id, i, (unsigned long)p->mfn, (unsigned long)p->va[i]);
		if (p->level == 1)
			check_leaf(d, p->va[i], guest[i], of == 1);
		else
			check_link(d, p->va[i], guest[i], p->level - 1);
	}
}

static void check_root(const struct domain *d, const struct shadow_page *p, uint64_t root)
{
	if (root ? !p || p->mfn != root || p->level != 4 || !p->roots : p != NULL)
		LIE("d%u: root %lx has shadow %lx", d->id, (unsigned long)root, p ? (unsigned long)p->mfn : 0);
}

static bool listed(const struct pv_vcpu *pv, unsigned slot)
{
	for (unsigned i = 0; i < JOINT_KERNEL_SLOTS; i++)
		if (joint_slot(pv->kernel_entry[i]) == slot)
			return true;
	return false;
}

static bool leads_alike(uint64_t e, uint64_t root, unsigned slot)
{
	uint64_t guest = ((const uint64_t *)mfn_to_va(MFN(root)))[slot];

	return (guest & PTE_P) && !((e ^ guest) & (PTE_ADDR | PTE_W | PTE_U | PTE_NX));
}

static void check_joint(const struct vcpu *v)
{
	const struct pv_vcpu *pv = v->pv;

	for (unsigned i = 0; i < PTES_PER_TABLE; i++) {
		uint64_t e = pv->joint[i];
		bool kernels = i >= ANEL_FIRST_SLOT;

		if (!(e & PTE_P) || (i > ANEL_FIRST_SLOT && i <= ANEL_LAST_SLOT))
			continue;
		if (kernels && (!listed(pv, i) || !pv->joined || !pv->kernel_mode))
			LIE("d%uv%u: its user has entry %u of the joint root, %lx", v->domain->id, v->id, i, (unsigned long)e);
		if (pv->joined && i != ANEL_FIRST_SLOT && pv->guest_table &&
		    (!leads_alike(e, pv->guest_table, i) || (!kernels && !leads_alike(e, pv->guest_table_user, i))))
			LIE("d%uv%u: entry %u of the joint root is %lx", v->domain->id, v->id, i, (unsigned long)e);
	}
}

void self_check_shadows(void)
{
	struct domain *d;
	struct vcpu *v;

	for_each_domain(d) {
		if (!d->pv)
			continue;
		for_each_vcpu(d, v)
			if (v->pv && v->pv->joint)
				check_joint(v);
		if (!d->pv->log_dirty)
			continue;
		for (unsigned i = 0; i < d->pv->shadow->nr_made; i++)
			if (d->pv->shadow->page[i].mfn != SHADOW_FREE)
				check_page(d, &d->pv->shadow->page[i]);
		for_each_vcpu(d, v) {
			if (!v->pv)
				continue;
			check_root(d, v->pv->shadow_root[0], v->pv->guest_table_user);
			check_root(d, v->pv->shadow_root[1], v->pv->guest_table);
		}
	}
}
