// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domctl: a debugger's view of a PV guest's memory by linear address (XEN_DOMCTL_gdbsx_guestmemio). The
 * guest's own tables are walked by the direct map; each table and the frame itself must be the guest's at
 * the moment it is used.
 */
#include "hypercall/domctl_gdbsx.h"
#include "hypercall/domctl.h"
#include "mem/frame.h"
#include "pv/mm.h"

#define MEMIO_MAX (64 * PAGE_SIZE)	/* one call is not cut */

/* The entry at 'index' of the table in frame m of d; 0 where m is not d's. */
static uint64_t entry_of(struct domain *d, mfn_t m, unsigned index)
{
	struct frame *f;
	uint64_t e;

	if (!mfn_valid(m))
		return 0;
	f = frame_of(m);
	if (!frame_get(f, d->id))
		return 0;
	e = READ_ONCE(((uint64_t *)frame_va(f))[index]);
	frame_put(f);
	return e & PTE_P ? e : 0;
}

/* The machine frame that addr is mapped to, and how far into it; invalid where it is not. */
static mfn_t walk(struct domain *d, uint64_t root, uint64_t addr)
{
	static const unsigned shift[] = { 39, 30, 21, 12 };
	mfn_t m = MFN(root);

	for (unsigned i = 0; i < ARRAY_SIZE(shift); i++) {
		uint64_t e = entry_of(d, m, (addr >> shift[i]) & 511);

		if (!e)
			return INVALID_MFN;
		m = pte_mfn(e);
		if (e & PTE_PS && (i == 1 || i == 2)) {
			uint64_t mask = (1ull << (shift[i] - PAGE_SHIFT)) - 1;

			return MFN((m.n & ~mask) | ((addr >> PAGE_SHIFT) & mask));
		}
	}
	return m;
}

/* Up to the end of one page; -EFAULT */
static long copy_page(struct domain *d, uint64_t root, uint64_t gva, void *buf, unsigned n, bool write)
{
	mfn_t m = walk(d, root, gva);
	struct frame *f;
	long rc = 0;
	char *p;

	if (mfn_is_invalid(m) || !mfn_valid(m))
		return -EFAULT;
	f = frame_of(m);
	if (!frame_get(f, d->id))
		return -EFAULT;
	p = (char *)frame_va(f) + (gva & ~PAGE_MASK);
	if (!write) {
		rc = guest_copy_out(buf, p, n) ? -EFAULT : 0;
	} else if (!pv_get_writable(f, d)) {
		rc = -EFAULT;	/* a page table: not by this way */
	} else {
		rc = guest_copy_in(p, buf, n) ? -EFAULT : 0;
		frame_dirtied(f);
		pv_type_put(f);
	}
	frame_put(f);
	return rc;
}

long domctl_guest_memio(struct domctl_call *c)
{
	struct xen_domctl_gdbsx_memio *io = &c->op.u.gdbsx_guest_memio;
	struct vcpu *v = domain_vcpu(c->d, 0);
	uint32_t done = 0;

	if (c->d == current->domain || !v || !v->pv)
		return -EINVAL;
	if (io->len > MEMIO_MAX)
		return -E2BIG;
	while (done < io->len) {
		uint64_t gva = io->gva + done;
		unsigned n = MIN(io->len - done, PAGE_SIZE - (gva & ~PAGE_MASK));

		if (!guest_addr_ok(gva, n) ||
		    copy_page(c->d, v->pv->guest_table, gva, (char *)io->uva + done, n, io->gwr))
			break;
		done += n;
	}
	io->remain = io->len - done;
	if (!io->remain)
		return 0;
	c->copyback = true;
	return -EFAULT;
}
