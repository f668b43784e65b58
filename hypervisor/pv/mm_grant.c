// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The entries of grant mappings. Such an entry carries PTE_GRANT and holds no references: the grant's handle does, so a guest
 * that overwrites the entry itself loses the means to unmap it, and nothing else. The caller flushes after an unmap.
 */
#include "pv/mm_priv.h"
#include <xen/grant_table.h>

static int grant_error(int rc) { return rc ? GNTST_general_error : GNTST_okay; }

/* The L1 table and the index that host_addr means; a page reference is taken. */
static struct frame *grant_l1(uint64_t host_addr, unsigned gntmap_flags, unsigned *idx)
{
	struct vcpu *v = current;

	if (gntmap_flags & GNTMAP_contains_pte) {
		*idx = (host_addr & ~PAGE_MASK) >> 3;
		return host_addr & 7 ? NULL : pv_frame_get(MFN(host_addr >> PAGE_SHIFT), v->domain);
	}
	*idx = l1_index(host_addr);
	return pv_l1_of(v, host_addr);
}

static uint64_t grant_pte(mfn_t mfn, unsigned flags, unsigned cache_flags)
{
	uint64_t e = pte_make(mfn, PTE_P | PTE_A | PTE_D | PTE_U | PTE_NX | PTE_GRANT);

	if (!(flags & GNTMAP_readonly))
		e |= PTE_W;
	if (!(flags & GNTMAP_application_map))
		e |= PTE_GUEST_KERNEL;
	e |= ((uint64_t)(flags >> _GNTMAP_guest_avail0) << 9) & PTE_AVAIL;
	/* RAM is write-back whatever is asked; device memory is as asked: bits 3, 4 and 7 as in an entry. */
	return mfn_counted(mfn) ? e : e | (cache_flags & PTE_CACHE);
}

int pv_grant_map(uint64_t host_addr, mfn_t mfn, unsigned gntmap_flags, unsigned cache_flags)
{
	uint64_t old = 0;
	unsigned idx;
	struct frame *l1 = grant_l1(host_addr, gntmap_flags, &idx);
	int rc;

	if (!l1)
		return GNTST_general_error;
	rc = pv_l1e_exchange(l1, idx, grant_pte(mfn, gntmap_flags, cache_flags), NULL, NULL, &old);
	frame_put(l1);
	if (!rc)
		pv_l1e_put(old, current->domain);
	return grant_error(rc);
}

struct grant_entry { mfn_t mfn; bool writable; };

/* Also the right must be the handle's: else a read-only entry could be given up for a writable one, which stays (XSA-234). */
static bool maps_grant(uint64_t e, const void *arg)
{
	const struct grant_entry *g = arg;

	return (e & PTE_P) && (e & PTE_GRANT) && pte_mfn(e).n == g->mfn.n && !(e & PTE_W) == !g->writable;
}

/* The entry of an ordinary mapping only: one grant does not replace another. */
static bool no_grant(uint64_t e, const void *arg) { return !(e & PTE_P) || !(e & PTE_GRANT); }

int pv_grant_unmap(uint64_t host_addr, mfn_t mfn, unsigned gntmap_flags, uint64_t new_addr)
{
	const struct grant_entry want = { mfn, !(gntmap_flags & GNTMAP_readonly) };
	uint64_t fresh = 0, old = 0;
	struct frame *l1;
	unsigned idx;
	int rc = 0;

	if (new_addr) {
		if (gntmap_flags & GNTMAP_contains_pte)
			return GNTST_general_error;
		l1 = pv_l1_of(current, new_addr);
		if (!l1)
			return GNTST_general_error;
		rc = pv_l1e_exchange(l1, l1_index(new_addr), 0, no_grant, NULL, &fresh);
		frame_put(l1);
		if (rc)
			return GNTST_general_error;
	}
	l1 = grant_l1(host_addr, gntmap_flags, &idx);
	if (l1) {
		rc = pv_l1e_exchange(l1, idx, fresh, maps_grant, &want, &old);
		frame_put(l1);
	}
	if (!l1 || rc) {
		pv_l1e_put(fresh, current->domain);	/* the new address keeps nothing, as with Xen */
		return GNTST_general_error;
	}
	return GNTST_okay;
}
