// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GDTs and LDTs of PV guests. Their frames are of type FTYPE_SEGDESC: validated so that no descriptor gives more than ring 3,
 * and read-only to the guest from then on. The GDT is mapped when set, the LDT page by page on first use.
 */
#include "pv/mm.h"
#include "x86/cpu.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"
#include "lib/string.h"

#define DESC_S		(1ull << 44)
#define DESC_P		(1ull << 47)
#define DESC_DPL	(3ull << 45)

bool pv_fix_descriptor(uint64_t *desc)
{
	uint64_t d = *desc;

	if (!(d & DESC_P))
		return true;
	if (!(d & DESC_S))
		return false;			/* no system descriptors: gates and TSSs are ours */
	/* All rings of a 64-bit PV guest are ring 3. A code segment that is none (L and D) faults when it is loaded. */
	*desc = d | DESC_DPL;
	return true;
}

static uint64_t window_pte(uint64_t mfn) { return pte_make(MFN(mfn), MAP_RO & ~PTE_G) | PTE_W | PTE_D; }

static void gdt_put(struct vcpu *v, uint64_t mfn)
{
	struct frame *f = frame_of(MFN(mfn));

	pv_type_put(f);
	frame_put(f);
}

/* Windows are loaded where v runs or its state lies lazily; the caller has v paused, or v is current. */
static void flush_window(struct vcpu *v)
{
	if (v == current)
		flush_tlb_local(0);
	else
		tlb_forget(&v->pv->tlb);
}

void pv_destroy_gdt(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;

	pv->gdt_ents = 0;
	for (unsigned i = 0; i < GDT_GUEST_FRAMES; i++) {
		WRITE_ONCE(pv->l1_window[i], pv_empty_gdt_entry());
		if (pv->gdt_mfn[i])
			gdt_put(v, pv->gdt_mfn[i]);
		pv->gdt_mfn[i] = 0;
	}
	flush_window(v);
}

int pv_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned ents)
{
	unsigned nr = DIV_ROUND_UP(ents, 512), i;
	struct domain *d = v->domain;

	if (ents > FIRST_RESERVED_GDT_ENTRY)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		struct frame *f;

		if (!mfn_valid(MFN(mfns[i])))
			goto fail;
		f = frame_of(MFN(mfns[i]));
		if (!frame_get(f, d->id))
			goto fail;
		if (pv_type_get(f, FTYPE_SEGDESC, d, false)) {
			frame_put(f);
			goto fail;
		}
	}
	pv_destroy_gdt(v);
	v->pv->gdt_ents = ents;
	for (i = 0; i < nr; i++) {
		v->pv->gdt_mfn[i] = mfns[i];
		WRITE_ONCE(v->pv->l1_window[i], window_pte(mfns[i]));
	}
	flush_window(v);
	return 0;
fail:
	while (i--)
		gdt_put(v, mfns[i]);
	return -EINVAL;
}

long hc_set_gdt(struct hypercall *h)
{
	uint64_t mfns[GDT_GUEST_FRAMES];
	uint32_t ents = h->a[1];

	if (ents > FIRST_RESERVED_GDT_ENTRY)
		return -EINVAL;
	if (guest_copy_in(mfns, (const void *)h->a[0], DIV_ROUND_UP(ents, 512) * 8))
		return -EFAULT;
	return pv_set_gdt(current, mfns, ents);
}

long hc_update_descriptor(struct hypercall *h)
{
	uint64_t pa = h->a[0], desc = h->a[1], *slot;
	struct domain *d = current->domain;
	mfn_t m = MFN(pa >> PAGE_SHIFT);
	struct frame *f;
	long rc = -EINVAL;

	if ((pa & 7) || !mfn_valid(m) || !pv_fix_descriptor(&desc))
		return -EINVAL;
	f = frame_of(m);
	if (!frame_get(f, d->id))
		return -EINVAL;
	/* Either a table in use, which stays one while the reference is held, or memory that the guest could write itself. */
	if (pv_type_get(f, FTYPE_SEGDESC, d, false) && pv_type_get(f, FTYPE_WRITABLE, d, false))
		goto out;
	slot = (uint64_t *)((char *)mfn_to_va(m) + (pa & ~PAGE_MASK));
	WRITE_ONCE(*slot, desc);
	frame_dirtied(f);
	pv_type_put(f);
	rc = 0;
out:
	frame_put(f);
	return rc;
}

bool pv_invalidate_ldt(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;
	bool any;

	spin_lock(&pv->shadow_ldt_lock);
	any = pv->shadow_ldt_count != 0;
	for (unsigned i = 16; any && i < 32; i++) {
		uint64_t e = pv->l1_window[i];

		WRITE_ONCE(pv->l1_window[i], 0);
		if (e & PTE_P)
			gdt_put(v, pte_mfn(e).n);
	}
	pv->shadow_ldt_count = 0;
	spin_unlock(&pv->shadow_ldt_lock);
	if (any)
		flush_window(v);
	return any;
}

bool pv_map_ldt_page(struct vcpu *v, unsigned page)
{
	struct domain *d = v->domain;
	struct pv_vcpu *pv = v->pv;
	uint64_t addr = pv->ldt_base + ((uint64_t)page << PAGE_SHIFT), e;
	struct frame *f;
	bool done;

	if (page >= 16 || !guest_addr_ok(addr, PAGE_SIZE))
		return false;
	e = pv_walk(v, addr, NULL);
	if (!(e & PTE_P) || !mfn_valid(pte_mfn(e)))
		return false;
	f = frame_of(pte_mfn(e));
	if (!frame_get(f, d->id))
		return false;
	if (pv_type_get(f, FTYPE_SEGDESC, d, false)) {
		frame_put(f);
		return false;
	}
	spin_lock(&pv->shadow_ldt_lock);
	done = !(pv->l1_window[16 + page] & PTE_P);
	if (done) {
		WRITE_ONCE(pv->l1_window[16 + page], window_pte(pte_mfn(e).n));
		pv->shadow_ldt_count++;
	}
	spin_unlock(&pv->shadow_ldt_lock);
	if (!done)
		gdt_put(v, pte_mfn(e).n);
	return true;
}
