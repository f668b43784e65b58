/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of domains: ids, lookup, references, creation. The table is read without a lock (RCU: a domain is freed only after
 * every CPU has passed a quiescent point since it left the table); changes are under table_lock.
 *
 * A domain has one reference for not being destroyed yet (given back at the end of domain_kill) and one for having any frame
 * (domain/pages.c). With the last it leaves the table, and is freed.
 */
#include "domain/domain.h"
#include "domain/hooks.h"
#include "domain/life.h"
#include "domain/notify.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/rangeset.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"
#include <xen/domctl.h>

struct domain *dom0;
struct domain *idle_domain, *dom_xen, *dom_io;
struct vcpu *idle_vcpu[NR_CPUS];
const struct domain_hooks *domain_hooks;
const struct notify_ops *notify;
void (*vcpu_info_release_hook)(struct vcpu *v);

#define ID_SHIFT 9	/* a page of pointers for so many ids, made when the first of them is; for good */
#define PAGE_IDS (1u << ID_SHIFT)
static struct domain **table[DIV_ROUND_UP(DOMID_FIRST_RESERVED, PAGE_IDS)];
static unsigned long used[BITS_TO_LONGS(DOMID_FIRST_RESERVED)];	/* ids taken, from before creation until the end */
static domid_t last_id;
static DEFINE_SPINLOCK(table_lock);

/* For vCPUs without a place in shared_info, until they register one. Whatever is written here is nobody's. */
static struct vcpu_info dummy_vcpu_info = { .evtchn_upcall_mask = 1 };

struct domain *domain_of_id(domid_t id)
{
	struct domain **page = id < DOMID_FIRST_RESERVED ? __atomic_load_n(&table[id >> ID_SHIFT], __ATOMIC_ACQUIRE) : NULL;

	return page ? __atomic_load_n(&page[id % PAGE_IDS], __ATOMIC_ACQUIRE) : NULL;
}

struct domain *domain_lookup_any(domid_t id)
{
	struct domain *d = domain_of_id(id);

	return d && d->state != DOM_NEW ? d : NULL;
}

struct domain *domain_lookup(domid_t id)
{
	struct domain *d = domain_lookup_any(id);

	return d && d->state != DOM_DEAD ? d : NULL;
}

struct domain *domain_resolve(domid_t id)
{
	struct domain *d = id == DOMID_SELF ? current->domain : domain_lookup(id);

	return d && domain_get(d) ? d : NULL;
}

struct domain *domain_next(struct domain *d)
{
	unsigned long id = d ? d->id + 1ul : 0;

	for (;;) {
		struct domain *n;

		id = find_next_bit(used, DOMID_FIRST_RESERVED, id);
		if (id >= DOMID_FIRST_RESERVED)
			return NULL;
		n = domain_lookup_any((domid_t)id);
		if (n)
			return n;
		id++;
	}
}

bool domain_get(struct domain *d)
{
	int o = atomic_read(&d->refs);

	while (o > 0) {
		int seen = cmpxchg(&d->refs.v, o, o + 1);

		if (seen == o)
			return true;
		o = seen;
	}
	return false;
}

/* id is reserved. */
static void table_set(domid_t id, struct domain *d)
{
	__atomic_store_n(&table[id >> ID_SHIFT][id % PAGE_IDS], d, __ATOMIC_RELEASE);
}

static void release_id(domid_t id)
{
	spin_lock(&table_lock);
	table_set(id, NULL);
	clear_bit(id, used);
	spin_unlock(&table_lock);
}

static void vcpu_free(struct vcpu *v)
{
	if (v->sched)
		domain_hooks->vcpu_destroy(v);
	if (v->domain->ops)
		v->domain->ops->vcpu_destroy(v);
	if (notify)
		notify->vcpu_free(v);
	heap_free(v);
}

/* Everything that is left of d when no frame and no reference is; of a half-made one, what there is. */
static void domain_free(struct domain *d)
{
	struct vcpu *v;
	domid_t id = d->id;

	for (unsigned i = 0; d->vcpu && i < d->max_vcpus; i++) {
		v = d->vcpu[i];
		d->vcpu[i] = NULL;
		if (v)
			vcpu_free(v);
	}
	if (notify)
		notify->domain_free(d);
	if (d->ops)
		d->ops->domain_destroy(d);
	rangeset_destroy(d->io_ports);
	rangeset_destroy(d->io_mem);
	rangeset_destroy(d->irqs);
	if (d->sched)
		domain_hooks->domain_destroy(d);
	if (d->shared)
		heap_pages_free(d->shared, 0);
	if (d->iommu)
		iommu_space_free(d->iommu);
	domain_pages_destroy(d);
	if (d->target)
		domain_put(d->target);
	heap_free(d->vcpu);
	heap_free(d);
	release_id(id);
	domain_event();
}

void domain_put(struct domain *d)
{
	if (!atomic_dec_and_test(&d->refs))
		return;
	BUG_ON(d->is_system || d->state != DOM_DEAD);
	/* The id stays taken until all is freed: frames and grants may still name it. */
	table_set(d->id, NULL);
	domain_hooks->defer(d, domain_free);
}

/* table_lock held. */
static bool table_page(domid_t id)
{
	struct domain **page = table[id >> ID_SHIFT];

	if (page)
		return true;
	page = heap_pages(0);
	if (page)
		__atomic_store_n(&table[id >> ID_SHIFT], page, __ATOMIC_RELEASE);
	return page;
}

static int reserve_id(domid_t *id)
{
	int err = 0;

	spin_lock(&table_lock);
	if (*id >= DOMID_FIRST_RESERVED || (*id == 0 && dom0)) {
		unsigned long n = find_next_zero_bit(used, DOMID_FIRST_RESERVED, last_id + 1ul);

		if (n >= DOMID_FIRST_RESERVED)
			n = find_next_zero_bit(used, DOMID_FIRST_RESERVED, 1);
		if (n >= DOMID_FIRST_RESERVED)
			err = -ENOMEM;
		else
			*id = last_id = (domid_t)n;
	} else if (test_bit(*id, used)) {
		err = -EEXIST;
	}
	if (!err && !table_page(*id))
		err = -ENOMEM;
	if (!err)
		set_bit(*id, used);
	spin_unlock(&table_lock);
	return err;
}

static void init_fields(struct domain *d, domid_t id)
{
	d->id = id;
	d->state = DOM_NEW;
	d->shutdown_code = -1;
	d->node_affinity = ~0u;
	atomic_set(&d->refs, 1);
	spin_lock_init(&d->vcpu_lock);
	spin_lock_init(&d->shutdown_lock);
	spin_lock_init(&d->page_lock);
}

static int make_parts(struct domain *d)
{
	int err = domain_pages_create(d);

	if (err)
		return err;
	d->vcpu = new_array(struct vcpu *, d->max_vcpus);
	d->io_ports = rangeset_new("I/O ports");
	d->io_mem = rangeset_new("I/O memory");
	d->irqs = rangeset_new("interrupts");
	d->shared = heap_pages(0);
	if (!d->vcpu || !d->io_ports || !d->io_mem || !d->irqs || !d->shared)
		return -ENOMEM;
	return domain_hooks->domain_create(d);
}

struct domain *domain_create(domid_t id, const struct xen_domctl_createdomain *config, const struct guest_ops *ops, int *err)
{
	struct domain *d;

	*err = -EINVAL;
	if (!config->max_vcpus || config->max_vcpus > MAX_VIRT_CPUS)
		return NULL;
	*err = reserve_id(&id);
	if (*err)
		return NULL;
	d = new_object(struct domain);
	if (!d) {
		release_id(id);
		*err = -ENOMEM;
		return NULL;
	}
	init_fields(d, id);
	d->ssidref = config->ssidref;
	memcpy(d->handle, config->handle, sizeof(d->handle));
	d->create_flags = config->flags;
	d->is_control = d->is_hardware = id == 0;
	d->max_vcpus = config->max_vcpus;
	d->max_pages = id == 0 ? ~0ull : 0;
	d->controller_paused = true;
	d->controller_pause_count = 1;
	atomic_set(&d->pause_count, 1);
	*err = make_parts(d);
	if (*err) {
		domain_free(d);
		return NULL;
	}
	/* From here on a frame's owner is found; lookups do not show it yet. */
	table_set(id, d);
	*err = ops->domain_create(d);
	if (!*err) {
		d->ops = ops;
		*err = notify ? notify->domain_create(d, config) : 0;
	}
	if (*err) {
		d->state = DOM_DEAD;
		domain_put(d);
		return NULL;
	}
	share_heap_page(d->shared, d, true);
	if (id == 0)
		dom0 = d;
	__atomic_store_n(&d->state, DOM_ALIVE, __ATOMIC_RELEASE);
	return d;
}

void vcpu_info_reset(struct vcpu *v)
{
	struct domain *d = v->domain;

	v->info = d->shared && v->id < XEN_LEGACY_MAX_VCPUS ? &d->shared->vcpu_info[v->id] : &dummy_vcpu_info;
	v->info_mfn = INVALID_MFN;
}

struct vcpu *vcpu_create(struct domain *d, unsigned id)
{
	struct vcpu *v;

	if (id >= d->max_vcpus || d->vcpu[id])
		return NULL;
	v = new_object(struct vcpu);
	if (!v)
		return NULL;
	v->id = id;
	v->domain = d;
	v->dirty_cpu = ~0u;
	v->pause_flags = VPF_DOWN;
	vcpu_info_reset(v);
	if (domain_hooks->vcpu_create(v))
		goto no_sched;
	if (d->ops->vcpu_create(v))
		goto no_ops;
	if (notify && notify->vcpu_create(v))
		goto no_notify;
	__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	return v;

no_notify:
	d->ops->vcpu_destroy(v);
no_ops:
	domain_hooks->vcpu_destroy(v);
no_sched:
	heap_free(v);
	return NULL;
}

static struct domain *system_domain(domid_t id)
{
	struct domain *d = new_object(struct domain);

	if (!d || domain_pages_create(d))
		panic("no memory for the system domains");
	init_fields(d, id);
	if (id == DOMID_IDLE) {
		d->vcpu = idle_vcpu;
		d->max_vcpus = NR_CPUS;
	}
	d->is_system = true;
	d->state = DOM_ALIVE;
	d->max_pages = ~0ull;
	return d;
}

void domain_init(void)
{
	frame_release_hook = domain_frame_released;
	idle_domain = system_domain(DOMID_IDLE);
	dom_xen = system_domain(DOMID_XEN);
	dom_io = system_domain(DOMID_IO);
}
