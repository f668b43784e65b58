// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What one entry of a page table may be, and which references it holds. The guest's kernel runs in ring 3, so that every
 * present entry is a user's; what it wrote without U is marked in bit 52, as Xen does. Guests get no global entries, for their
 * kernel and user tables differ. RAM is write-back for everyone; what a device owner asks of caching counts for device memory.
 */
#include "pv/mm_priv.h"
#include "lib/rangeset.h"
#include "mem/alloc.h"
#include "mem/m2p.h"
#include "x86/cpu.h"
#include "x86/mmio_ro.h"

bool pv_owns_devices(const struct domain *d)
{
	return d->is_hardware || (d->io_mem && rangeset_overlaps(d->io_mem, 0, ~0ul)) ||
	       (d->io_ports && rangeset_overlaps(d->io_ports, 0, ~0ul));
}

/* --- entries that are not present --- */

uint64_t pv_l1tf_limit;
static bool l1tf_dom0, l1tf_domu;

void pv_l1tf_init(bool check_dom0, bool check_domu)
{
	l1tf_dom0 = check_dom0;
	l1tf_domu = check_domu;
	pv_l1tf_limit = check_dom0 || check_domu ? max_mfn << PAGE_SHIFT : 0;
}

/* The L1 caches of the CPUs concerned compare 44 bits of an address at least. */
#define L1D_ADDRESS (PTE_ADDR & ((1ull << 44) - 1))

bool pv_l1tf_entry_unsafe(const struct domain *d, uint64_t e)
{
	return e && (d->is_hardware ? l1tf_dom0 : l1tf_domu) && (e & L1D_ADDRESS) < pv_l1tf_limit;
}

/* --- L1 --- */

/*
 * Mappings of device memory that disagree about caching stop some CPUs (XSA-154). dom0's drivers know their devices; for others
 * it is uncached, or write-combining if they ask.
 */
static uint64_t guest_caching(uint64_t e)
{
	switch (e & PTE_CACHE) {
	case 0:
	case PTE_PWT:
	case PTE_PAT | PTE_PWT:
		return (e & ~PTE_CACHE) | PTE_PCD | PTE_PWT;
	}
	return e;
}

static int l1e_get_io(uint64_t *e, struct domain *d, struct domain *frame_owner)
{
	uint64_t n = pte_mfn(*e).n;

	if (n >> (host_cpu.phys_bits - PAGE_SHIFT))
		return -EINVAL;
	if (!d->io_mem || !rangeset_contains(d->io_mem, n, n))
		return -EPERM;
	if (frame_owner != d && frame_owner != dom_io && (!frame_owner->io_mem || !rangeset_contains(frame_owner->io_mem, n, n)))
		return -EPERM;
	/* RAM that no section has been opened for is nobody's. */
	if (mem_range_is_ram(n << PAGE_SHIFT, (n + 1) << PAGE_SHIFT))
		return -EPERM;
	if ((*e & PTE_W) && mmio_is_readonly(MFN(n)))
		*e &= ~PTE_W;
	if (!d->is_hardware)
		*e = guest_caching(*e);
	return 0;
}

/* The M2P may be read through DOMID_XEN (XENMEM_machphys_mfn_list). It is there for good: an entry holds nothing. */
static bool maps_m2p(uint64_t *e)
{
	mfn_t m = m2p_named(pte_mfn(*e));

	if (mfn_is_invalid(m))
		return false;
	*e = pte_make(m, (*e & ~(PTE_ADDR | PTE_CACHE)) | PTE_GRANT);
	return true;
}

int pv_l1e_get(uint64_t *e, struct domain *d, struct domain *frame_owner)
{
	struct frame *f;
	mfn_t m;
	int rc;

	if (!(*e & PTE_P))
		return 0;
	rc = pv_l1e_adjust(e, d);
	if (rc)
		return rc;
	m = pte_mfn(*e);
	if (unlikely(frame_owner == dom_xen) && maps_m2p(e))
		return *e & PTE_W ? -EBUSY : 0;
	if (unlikely(!mfn_counted(m)))
		return l1e_get_io(e, d, frame_owner);
	f = frame_of(m);
	if (!frame_get(f, frame_owner->id))
		return -EBUSY;
	if ((*e & PTE_W) && !(likely(frame_owner == d) ? pv_get_writable(f, d) : pv_writer_get(f, frame_owner))) {
		frame_put(f);
		return -EBUSY;
	}
	*e &= ~PTE_CACHE;
	return 0;
}

/* The guest drops its mapping of a descriptor page of its own: the shadow of its LDT must not hold the page's type. */
static void drop_ldt(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		if (v->pv && v->pv->shadow_ldt_count)
			pv_invalidate_ldt(v);
}

void pv_l1e_drop_write(struct frame *f, const struct domain *d)
{
	if (unlikely(d && frame_owner(f) != d->id))
		pv_writer_put(f);
	else
		pv_type_put(f);
}

void pv_l1e_put(uint64_t e, struct domain *d)
{
	struct frame *f;

	if (!(e & PTE_P) || (e & PTE_GRANT) || !mfn_counted(pte_mfn(e)))
		return;
	f = frame_of(pte_mfn(e));
	if (e & PTE_W)
		pv_l1e_drop_write(f, d);
	else if (unlikely((READ_ONCE(f->type) & FTYPE_MASK) == FTYPE_SEGDESC) && d && frame_owner(f) == d->id)
		drop_ldt(d);
	frame_put(f);
}

/* --- L2, L3, L4 --- */

int pv_upper_adjust(uint64_t *e)
{
	if ((*e & (PTE_PS | PTE_G | PTE_PCD | PTE_PWT)) || ((*e & PTE_NX) && !host_cpu.nx))
		return -EINVAL;
	*e |= PTE_U;
	return 0;
}

/* An L4 may map itself read-only (the old "linear page table"): no type, only a page reference; writes through it are barred
 * by the entry itself. */
static bool is_self_map(uint64_t e, uint64_t table_type, const struct frame *self)
{
	return table_type == FTYPE_L4 && pte_mfn(e).n == frame_mfn(self).n;
}

int pv_upper_get(uint64_t *e, uint64_t table_type, struct frame *self, struct domain *d, bool preemptible)
{
	struct frame *f;
	int rc;

	if (!(*e & PTE_P))
		return 0;
	rc = pv_upper_adjust(e);
	if (rc)
		return rc;
	if (!mfn_counted(pte_mfn(*e)))
		return -EINVAL;
	f = frame_of(pte_mfn(*e));
	if (!frame_get(f, d->id))
		return -EINVAL;
	if (is_self_map(*e, table_type, self)) {
		if (!(*e & PTE_W))
			return 0;
		rc = -EINVAL;
	} else {
		rc = pv_type_get(f, table_type - FTYPE_L1, d, preemptible);
	}
	if (rc)
		frame_put(f);
	return rc;
}

int pv_upper_put(uint64_t e, uint64_t table_type, struct frame *self, bool preemptible)
{
	struct frame *f;
	int rc = 0;

	if (!(e & PTE_P))
		return 0;
	f = frame_of(pte_mfn(e));
	if (!is_self_map(e, table_type, self)) {
		if (preemptible)
			rc = pv_type_put_preemptible(f);
		else
			pv_type_put(f);
	}
	frame_put(f);
	return rc;
}

struct frame *pv_upper_frame(uint64_t e, const struct frame *self)
{
	mfn_t m = pte_mfn(e);

	return (e & PTE_P) && mfn_counted(m) && m.n != frame_mfn(self).n ? frame_of(m) : NULL;
}
