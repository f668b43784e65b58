// SPDX-License-Identifier: GPL-2.0-or-later
/* Whom a hypercall names, and what the services keep of a domain. */
#include "hypercall/sched_op.h"
#include "hypercall/memory_physmap.h"
#include "hypercall/dispatch.h"
#include "pv/cpu_policy.h"
#include "mem/heap.h"

struct domain *target_domain(domid_t id, int *err)
{
	struct domain *d = domain_resolve(id);

	*err = -ESRCH;
	if (!d)
		return NULL;
	if (d != current->domain && !domain_may_control(current->domain, d)) {
		domain_put(d);
		*err = -EPERM;
		return NULL;
	}
	*err = 0;
	return d;
}

struct domain *remote_domain(domid_t id, int *err)
{
	struct domain *d;

	*err = -ESRCH;
	if (id == DOMID_SELF)	/* a number must be said */
		return NULL;
	d = target_domain(id, err);
	if (d && d == current->domain) {
		domain_put(d);
		*err = -EPERM;
		return NULL;
	}
	return d;
}

struct domain_services *domain_services(struct domain *d)
{
	struct domain_services *s = READ_ONCE(d->services), *old;

	if (s)
		return s;
	s = new_object(struct domain_services);
	if (!s)
		return NULL;
	spin_lock_init(&s->lock);
	old = cmpxchg(&d->services, NULL, s);
	if (old) {
		heap_free(s);
		return old;
	}
	return s;
}

void domain_services_dying(struct domain *d)
{
	struct domain_services *s = READ_ONCE(d->services);
	struct watchdogs *w = s ? xchg(&s->watchdogs, NULL) : NULL;

	if (w)
		watchdogs_free(w);
}

void domain_services_free(struct domain *d)
{
	struct domain_services *s = d->services;

	cpu_policy_domain_free(d);
	if (!s)
		return;
	domain_services_dying(d);
	if (s->vnuma)
		vnuma_free(s->vnuma);
	heap_free(s->e820);
	heap_free(s);
	d->services = NULL;
}
