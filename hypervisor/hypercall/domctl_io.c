// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: access to the machine's ports, device memory and interrupts; types of a guest's frames. */
#include "hypercall/domctl_io.h"
#include "hypercall/domctl.h"
#include "lib/rangeset.h"
#include "x86/cpu.h"
#include "x86/irq.h"

#define NR_PORTS 0x10000u
#define PAGEFRAMES_MAX 1024u
#define PAGEFRAMES_BATCH 64u

/* Who gives away must have it. */
static long change(struct rangeset *mine, struct rangeset *theirs, unsigned long s, unsigned long e,
		   bool allow)
{
	if (!rangeset_contains(mine, s, e))
		return -EPERM;
	return allow ? rangeset_add(theirs, s, e) : rangeset_remove(theirs, s, e);
}

long domctl_irq_permission(struct domctl_call *c)
{
	const struct xen_domctl_irq_permission *p = &c->op.u.irq_permission;

	if (p->pirq >= nr_irqs)
		return -EINVAL;
	return change(current->domain->irqs, c->d->irqs, p->pirq, p->pirq, p->allow_access);
}

static bool mfn_range_ok(uint64_t first, uint64_t nr)
{
	uint64_t end = host_cpu.phys_bits >= 64 ? ~0ull : 1ull << (host_cpu.phys_bits - PAGE_SHIFT);

	return nr && first + nr > first && first + nr <= end;
}

long domctl_iomem_permission(struct domctl_call *c)
{
	const struct xen_domctl_iomem_permission *p = &c->op.u.iomem_permission;

	if (!mfn_range_ok(p->first_mfn, p->nr_mfns))
		return -EINVAL;
	return change(current->domain->io_mem, c->d->io_mem, p->first_mfn, p->first_mfn + p->nr_mfns - 1,
		      p->allow_access);
}

long domctl_ioport_permission(struct domctl_call *c)
{
	const struct xen_domctl_ioport_permission *p = &c->op.u.ioport_permission;

	if (!p->nr_ports || p->first_port >= NR_PORTS || p->nr_ports > NR_PORTS - p->first_port)
		return -EINVAL;
	return change(current->domain->io_ports, c->d->io_ports, p->first_port,
		      p->first_port + p->nr_ports - 1, p->allow_access);
}

/* A PV guest maps device memory itself; there is nothing to do but to check that both may. */
long domctl_memory_mapping(struct domctl_call *c)
{
	const struct xen_domctl_memory_mapping *m = &c->op.u.memory_mapping;
	uint64_t last = m->first_mfn + m->nr_mfns - 1;

	if (!mfn_range_ok(m->first_mfn, m->nr_mfns) || m->first_gfn + m->nr_mfns < m->first_gfn)
		return -EINVAL;
	if (m->nr_mfns > 1024)
		return -E2BIG;
	if (!rangeset_contains(current->domain->io_mem, m->first_mfn, last) ||
	    !rangeset_contains(c->d->io_mem, m->first_mfn, last))
		return -EPERM;
	return 0;
}

static unsigned long frame_kind(struct domain *d, mfn_t m)
{
	unsigned long kind = XEN_DOMCTL_PFINFO_NOTAB;
	struct frame *f;
	uint64_t type;

	if (!mfn_valid(m))
		return XEN_DOMCTL_PFINFO_XTAB;
	f = frame_of(m);
	if (!frame_get(f, d->id))
		return XEN_DOMCTL_PFINFO_XTAB;
	type = READ_ONCE(f->type);
	if (ftype_refs(type)) {
		switch (type & FTYPE_MASK) {
		case FTYPE_L1:
			kind = XEN_DOMCTL_PFINFO_L1TAB;
			break;
		case FTYPE_L2:
			kind = XEN_DOMCTL_PFINFO_L2TAB;
			break;
		case FTYPE_L3:
			kind = XEN_DOMCTL_PFINFO_L3TAB;
			break;
		case FTYPE_L4:
			kind = XEN_DOMCTL_PFINFO_L4TAB;
			break;
		}
		if (type & FTYPE_PINNED)
			kind |= XEN_DOMCTL_PFINFO_LPINTAB;
	}
	if (READ_ONCE(f->count) & FRAME_BROKEN)
		kind = XEN_DOMCTL_PFINFO_BROKEN;
	frame_put(f);
	return kind;
}

long domctl_pageframeinfo(struct domctl_call *c)
{
	const struct xen_domctl_getpageframeinfo3 *a = &c->op.u.getpageframeinfo3;
	xen_pfn_t batch[PAGEFRAMES_BATCH];

	if (a->num > PAGEFRAMES_MAX)
		return -E2BIG;
	for (unsigned long i = 0; i < a->num; i += PAGEFRAMES_BATCH) {
		unsigned n = MIN(a->num - i, (uint64_t)PAGEFRAMES_BATCH);

		if (copy_from_guest_offset(batch, a->array, i, n))
			return -EFAULT;
		for (unsigned k = 0; k < n; k++)
			batch[k] = frame_kind(c->d, MFN(batch[k]));
		if (copy_to_guest_offset(a->array, i, batch, n))
			return -EFAULT;
	}
	return 0;
}
