// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical interrupts given to domains. A pirq is a domain's own number for an irq of the host: the same
 * number for a GSI of dom0, the highest free one for an MSI. It is mapped to an irq (PHYSDEVOP_map_pirq),
 * then bound to an event channel.
 *
 * A struct pirq lives until its domain is freed (after a grace period): the interrupt handler has a pointer
 * to it. Lock: pirq_domain.lock, interrupts off; after event_lock, before the locks of x86/irq.c and
 * x86/msi.c.
 */
#include "hypercall/pirq.h"
#include "hypercall/evtchn.h"
#include "mem/heap.h"
#include "pv/mm.h"
#include "lib/errno.h"
#include "lib/rangeset.h"

/* above the GSIs, for MSIs; dom0 may have as many as the host has irqs */
#define EXTRA_PIRQS_OF_GUEST	32u
#define FIRST_DYNAMIC_GSI	16	/* the ISA ones are never handed out by PHYSDEVOP_get_free_pirq */

struct pirq {
	struct domain *domain;
	unsigned number;
	int irq;		/* 0: not mapped */
	/* first of that many MSIs; 0: a GSI, or one of the others of a multi-vector MSI */
	uint16_t msi_count;
	bool msi;
	bool reserved;		/* PHYSDEVOP_get_free_pirq gave it away */
	bool share, needs_eoi;
	uint8_t in_service;	/* fired, and the guest owes its EOI; atomic */
	uint16_t vcpu;		/* that the port notifies */
	uint32_t port;		/* 0: not bound; read without lock */
	struct list_head bound;
};
struct pirq_domain {
	spinlock_t lock;
	unsigned nr;
	struct pirq **pirq;	/* [nr], made on first use */
	struct list_head bound;
	unsigned long *eoi_map;	/* the guest's page, or NULL */
	bool auto_unmask;
};

static unsigned pirqs_of(const struct domain *d)
{
	unsigned nr = d->is_hardware ? MAX(nr_irqs, nr_gsis) : nr_gsis + EXTRA_PIRQS_OF_GUEST;

	return MIN(nr, (unsigned)(PAGE_SIZE * 8));	/* what the EOI page can tell of */
}

bool pirq_number_ok(const struct domain *d, unsigned pirq)
{
	return pirq < pirqs_of(d);
}

/* The lock is held, or the caller knows that the pirq exists. */
static struct pirq *pirq_find(const struct domain *d, unsigned number)
{
	const struct pirq_domain *pd = d->pirqs;

	return pd->pirq && number < pd->nr ? pd->pirq[number] : NULL;
}

/* Finds or makes. Not under the lock (it allocates). NULL: no memory */
static struct pirq *pirq_make(struct domain *d, unsigned number)
{
	struct pirq_domain *pd = d->pirqs;
	struct pirq **table = NULL, *p = new_object(struct pirq), *old;
	unsigned nr = pirqs_of(d);
	unsigned long flags;

	if (!pd->pirq)
		table = heap_zalloc(nr * sizeof(struct pirq *));
	if (!p || (!pd->pirq && !table) || number >= nr)
		goto fail;
	p->domain = d;
	p->number = number;
	list_init(&p->bound);
	flags = spin_lock_irqsave(&pd->lock);
	if (!pd->pirq) {
		pd->nr = nr;
		pd->pirq = table;
		table = NULL;
	}
	old = pd->pirq[number];
	if (!old)
		pd->pirq[number] = p;
	spin_unlock_irqrestore(&pd->lock, flags);
	heap_free(table);
	if (!old)
		return p;
	heap_free(p);
	return old;
fail:
	heap_free(table);
	heap_free(p);
	return NULL;
}

static bool irq_permitted(const struct domain *d, unsigned irq)
{
	return d->is_hardware || d->is_system || (d->irqs && rangeset_contains(d->irqs, irq, irq));
}

static struct pirq *pirq_of_irq(const struct domain *d, int irq)
{
	const struct pirq_domain *pd = d->pirqs;

	for (unsigned i = 0; pd->pirq && i < pd->nr; i++)
		if (pd->pirq[i] && pd->pirq[i]->irq == irq)
			return pd->pirq[i];
	return NULL;
}

static bool number_free(const struct domain *d, unsigned number)
{
	const struct pirq *p = pirq_find(d, number);

	return !p || (!p->irq && !p->port && !p->reserved);
}

/* First of 'count' free numbers in a row; lock held. -ENOSPC */
static int find_free(const struct domain *d, bool msi, unsigned count)
{
	if (!msi)
		for (unsigned i = FIRST_DYNAMIC_GSI; i < nr_gsis; i++)
			if (number_free(d, i))
				return i;
	for (unsigned top = pirqs_of(d), run = 0; top > nr_gsis; top--) {
		run = number_free(d, top - 1) ? run + 1 : 0;
		if (run == count)
			return top - 1;
	}
	return -ENOSPC;
}

/* Says what pirq p is: lock not held. -EEXIST: it, or the irq, is mapped otherwise. -EINVAL: its domain is being destroyed. */
static int pirq_set_irq(struct pirq *p, int irq, bool msi, unsigned count)
{
	struct pirq_domain *pd = p->domain->pirqs;
	unsigned long flags = spin_lock_irqsave(&pd->lock);
	struct pirq *other = pirq_of_irq(p->domain, irq);
	int err = 0;

	if (p->domain->state >= DOM_DYING) {
		err = -EINVAL;
	} else if ((p->irq && p->irq != irq) || (other && other != p)) {
		err = -EEXIST;
	} else {
		p->irq = irq;
		p->msi = msi;
		p->msi_count = count;
		p->reserved = false;
	}
	spin_unlock_irqrestore(&pd->lock, flags);
	return err;
}

/* Numbers first..first+count-1, all made, if all are free still. Lock not held. */
static bool reserve(struct domain *d, unsigned first, unsigned count)
{
	unsigned long flags = spin_lock_irqsave(&d->pirqs->lock);
	bool ok = true;

	for (unsigned i = 0; i < count; i++)
		ok = ok && number_free(d, first + i);
	for (unsigned i = 0; ok && i < count; i++)
		pirq_find(d, first + i)->reserved = true;
	spin_unlock_irqrestore(&d->pirqs->lock, flags);
	return ok;
}

static void unreserve(struct domain *d, unsigned first, unsigned count)
{
	while (count--)
		WRITE_ONCE(pirq_find(d, first + count)->reserved, false);
}

/* As find_free, but nobody else gets the numbers: drivers on several vCPUs ask at the same time. -ENOSPC, -ENOMEM */
static int take_free(struct domain *d, bool msi, unsigned count)
{
	unsigned long flags;
	int number;

	do {
		flags = spin_lock_irqsave(&d->pirqs->lock);
		number = find_free(d, msi, count);
		spin_unlock_irqrestore(&d->pirqs->lock, flags);
		if (number < 0)
			return number;
		for (unsigned i = 0; i < count; i++)
			if (!pirq_make(d, number + i))
				return -ENOMEM;
	} while (!reserve(d, number, count));
	return number;
}

int pirq_map_gsi(struct domain *d, int gsi, int *pirq)
{
	struct pirq *p;
	unsigned long flags;
	int number = *pirq, err;
	bool taken = false;

	if (!d->pirqs || gsi <= 0 || (unsigned)gsi >= nr_gsis || (number >= 0 && !pirq_number_ok(d, number)))
		return -EINVAL;
	if (!irq_permitted(current->domain, gsi))
		return -EPERM;
	if (number < 0) {
		flags = spin_lock_irqsave(&d->pirqs->lock);
		p = pirq_of_irq(d, gsi);
		number = p ? (int)p->number : number_free(d, gsi) ? gsi : -1;
		spin_unlock_irqrestore(&d->pirqs->lock, flags);
		taken = number < 0;
		if (taken)
			number = take_free(d, false, 1);
		if (number < 0)
			return number;
	}
	p = pirq_make(d, number);
	if (!p)
		return -ENOMEM;
	err = pirq_set_irq(p, gsi, false, 0);
	if (!err)
		*pirq = number;
	else if (taken)
		unreserve(d, number, 1);
	return err;
}

/* All of numbers first..first+count-1 get irqs first_irq.. or none does. */
static int map_run(struct domain *d, unsigned first, unsigned first_irq, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct pirq *p = pirq_make(d, first + i);
		int err = p ? pirq_set_irq(p, first_irq + i, true, i ? 0 : count) : -ENOMEM;

		if (err) {
			while (i--)
				pirq_find(d, first + i)->irq = 0;
			return err;
		}
	}
	return 0;
}

int pirq_map_msi(struct domain *d, const struct msi_request *r, int *pirq)
{
	unsigned first_irq;
	int number = *pirq, err;
	bool taken = number < 0;

	if (!d->pirqs)
		return -EINVAL;
	if (number >= 0 && (!pirq_number_ok(d, number) || !pirq_number_ok(d, number + r->count - 1)))
		return -EINVAL;
	if (!current->domain->is_hardware)
		return -EPERM;
	if (taken) {
		number = take_free(d, true, r->count);
		if (number < 0)
			return number;
	}
	err = msi_map(r, &first_irq);
	if (!err) {
		err = map_run(d, number, first_irq, r->count);
		for (unsigned i = 0; err && i < r->count; i++)
			msi_unmap(first_irq + i);
	}
	if (!err)
		*pirq = number;
	else if (taken)
		unreserve(d, number, r->count);
	return err;
}

/* Lock held, p bound. */
static void unbind(struct pirq *p)
{
	struct pirq_domain *pd = p->domain->pirqs;

	irq_guest_unbind(p->irq, p);
	WRITE_ONCE(p->port, 0);
	p->in_service = 0;
	list_del(&p->bound);
	if (pd->eoi_map)
		clear_bit(p->number, pd->eoi_map);
}

static void unmap_one(struct pirq *p)
{
	struct pirq_domain *pd = p->domain->pirqs;
	unsigned long flags = spin_lock_irqsave(&pd->lock);
	int irq = p->irq;
	bool msi = p->msi;

	if (p->port)
		unbind(p);
	p->irq = 0;
	p->msi = p->reserved = false;
	p->msi_count = 0;
	spin_unlock_irqrestore(&pd->lock, flags);
	if (msi && irq)
		msi_unmap(irq);
}

int pirq_unmap(struct domain *d, int pirq)
{
	struct pirq *p = d->pirqs && pirq >= 0 ? pirq_find(d, pirq) : NULL;
	unsigned count;

	if (!p || !p->irq || (p->msi && !p->msi_count))
		return -EINVAL;
	count = p->msi ? p->msi_count : 1;
	for (unsigned i = 0; i < count; i++) {
		p = pirq_find(d, pirq + i);
		if (p)
			unmap_one(p);
	}
	return 0;
}

int pirq_get_free(struct domain *d, bool msi)
{
	return d->pirqs ? take_free(d, msi, 1) : -EINVAL;
}

int pirq_irq(struct domain *d, unsigned pirq)
{
	const struct pirq *p = d->pirqs ? pirq_find(d, pirq) : NULL;

	return p ? p->irq : 0;
}

uint32_t pirq_port(struct domain *d, unsigned pirq)
{
	const struct pirq *p = d->pirqs ? pirq_find(d, pirq) : NULL;

	return p ? READ_ONCE(p->port) : 0;
}

bool pirq_shared(struct domain *d, unsigned pirq)
{
	const struct pirq *p = d->pirqs ? pirq_find(d, pirq) : NULL;

	return p && p->share;
}

/* ---- binding ---- */

static void aim(const struct pirq *p)
{
	struct vcpu *v = domain_vcpu(p->domain, p->vcpu);
	cpumask_t m;

	if (!v)
		return;
	WRITE_ONCE(v->has_pirqs, true);
	mb();		/* before the CPU is looked at: whoever moves it meanwhile looks at the flag afterwards */
	cpumask_clear(&m);
	cpumask_set_cpu(v->processor, &m);
	irq_set_affinity(p->irq, &m);
}

int pirq_bind_port(struct domain *d, unsigned pirq, uint32_t port, struct vcpu *v, bool share)
{
	struct pirq_domain *pd = d->pirqs;
	unsigned long flags;
	struct pirq *p;
	int err;

	if (!pd)
		return -EINVAL;
	flags = spin_lock_irqsave(&pd->lock);
	p = pirq_find(d, pirq);
	err = -EINVAL;
	if (!p || !p->irq)
		goto out;
	err = -EPERM;
	if (!p->msi && !irq_permitted(d, p->irq))
		goto out;
	err = -EEXIST;
	if (p->port)
		goto out;
	p->vcpu = v ? v->id : 0;
	p->share = share;
	p->in_service = 0;
	p->needs_eoi = irq_needs_eoi(p->irq);
	WRITE_ONCE(p->port, port);
	if (pd->eoi_map && p->needs_eoi)
		set_bit(p->number, pd->eoi_map);
	err = irq_guest_bind(p->irq, p, share);
	if (err) {
		WRITE_ONCE(p->port, 0);
		if (pd->eoi_map)
			clear_bit(p->number, pd->eoi_map);
	} else {
		list_add_tail(&p->bound, &pd->bound);
		aim(p);
	}
out:
	spin_unlock_irqrestore(&pd->lock, flags);
	return err;
}

void pirq_unbind_port(struct domain *d, unsigned pirq)
{
	unsigned long flags = spin_lock_irqsave(&d->pirqs->lock);
	struct pirq *p = pirq_find(d, pirq);

	if (p && p->port)	/* not so if PHYSDEVOP_unmap_pirq came first */
		unbind(p);
	spin_unlock_irqrestore(&d->pirqs->lock, flags);
}

void pirq_eoi(struct domain *d, unsigned pirq)
{
	struct pirq *p = d->pirqs ? pirq_find(d, pirq) : NULL;
	int irq = p ? READ_ONCE(p->irq) : 0;

	/* The guest may say it as often as it likes; the line hears it once for each time that it fired. */
	if (irq && xchg(&p->in_service, 0))
		irq_guest_eoi(irq);
}

void pirq_set_affinity(struct domain *d, unsigned pirq, const struct vcpu *v)
{
	unsigned long flags = spin_lock_irqsave(&d->pirqs->lock);
	struct pirq *p = pirq_find(d, pirq);

	if (p && p->port) {
		p->vcpu = v->id;
		aim(p);
	}
	spin_unlock_irqrestore(&d->pirqs->lock, flags);
}

void pirq_vcpu_moved(struct vcpu *v)
{
	struct pirq_domain *pd = v->domain->pirqs;
	unsigned long flags;
	struct pirq *p;

	/* Most vCPUs have none, and all of a domain's would wait here for one lock whenever they move. */
	if (!pd || !READ_ONCE(v->has_pirqs))
		return;
	flags = spin_lock_irqsave(&pd->lock);
	list_for_each(p, &pd->bound, bound)
		if (p->vcpu == v->id)
			aim(p);
	spin_unlock_irqrestore(&pd->lock, flags);
}

/* Interrupt context, interrupts off. */
static void pirq_deliver(unsigned irq, void *cookie)
{
	struct pirq *p = cookie;
	uint32_t port = READ_ONCE(p->port);

	if (p->needs_eoi)
		xchg(&p->in_service, 1);
	if (port)
		evtchn_pirq_pending(p->domain, port);
}

/* ---- the EOI page ---- */

int pirq_set_eoi_page(struct domain *d, uint64_t gmfn, bool auto_unmask)
{
	struct pirq_domain *pd = d->pirqs;
	unsigned long flags;
	struct frame *f;
	struct pirq *p;
	int err = 0;

	if (!mfn_valid(MFN(gmfn)))
		return -EINVAL;
	f = frame_of(MFN(gmfn));
	if (!frame_get(f, d->id))
		return -EINVAL;
	if (!pv_writer_get(f, d)) {
		frame_put(f);
		return -EINVAL;
	}
	flags = spin_lock_irqsave(&pd->lock);
	if (pd->eoi_map || d->state >= DOM_DYING) {
		err = -EBUSY;
	} else {
		pd->eoi_map = frame_va(f);
		pd->auto_unmask = auto_unmask;
		list_for_each(p, &pd->bound, bound)
			if (p->needs_eoi)
				set_bit(p->number, pd->eoi_map);
	}
	spin_unlock_irqrestore(&pd->lock, flags);
	if (err) {
		pv_writer_put(f);
		frame_put(f);
	}
	return err;
}

mfn_t pirq_eoi_page(const struct domain *d)
{
	return d->pirqs->eoi_map ? va_to_mfn(d->pirqs->eoi_map) : INVALID_MFN;
}

bool pirq_has_eoi_page(const struct domain *d, bool *auto_unmask)
{
	*auto_unmask = d->pirqs && d->pirqs->auto_unmask;
	return d->pirqs && READ_ONCE(d->pirqs->eoi_map);
}

/* ---- life of a domain ---- */

int pirq_domain_create(struct domain *d)
{
	struct pirq_domain *pd = new_object(struct pirq_domain);

	if (!pd)
		return -ENOMEM;
	spin_lock_init(&pd->lock);
	list_init(&pd->bound);
	d->pirqs = pd;
	return 0;
}

void pirq_domain_dying(struct domain *d)
{
	struct pirq_domain *pd = d->pirqs;
	unsigned long flags;
	unsigned long *map;
	struct frame *f;

	if (!pd)
		return;
	/* DYING is set: after this nobody maps one more. */
	flags = spin_lock_irqsave(&pd->lock);
	spin_unlock_irqrestore(&pd->lock, flags);
	for (unsigned i = 0; pd->pirq && i < pd->nr; i++)
		if (pd->pirq[i] && pd->pirq[i]->irq)
			unmap_one(pd->pirq[i]);
	flags = spin_lock_irqsave(&pd->lock);
	map = pd->eoi_map;
	pd->eoi_map = NULL;
	spin_unlock_irqrestore(&pd->lock, flags);
	if (map) {
		f = frame_of(va_to_mfn(map));
		pv_writer_put(f);
		frame_put(f);
	}
}

void pirq_domain_destroy(struct domain *d)
{
	struct pirq_domain *pd = d->pirqs;

	if (!pd)
		return;
	for (unsigned i = 0; pd->pirq && i < pd->nr; i++)
		heap_free(pd->pirq[i]);
	heap_free(pd->pirq);
	heap_free(pd);
	d->pirqs = NULL;
}

static const struct irq_guest_ops pirq_irq_ops = { .deliver = pirq_deliver };

void pirq_init(void)
{
	irq_set_guest_ops(&pirq_irq_ops);
}
