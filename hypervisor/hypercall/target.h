/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a call names, and what the services keep of a domain. */
#ifndef HYPERCALL_TARGET_H
#define HYPERCALL_TARGET_H
#include "domain/domain.h"

/*
 * The domain that a call names (DOMID_SELF is the caller's), with a reference that the caller of this
 * function puts. Allowed: the caller itself, or a domain that it may control. NULL with *err -ESRCH or
 * -EPERM.
 */
struct domain *target_domain(domid_t id, int *err);
/*
 * The same, but never the caller itself: -EPERM by its number, -ESRCH by DOMID_SELF (builders act on others
 * only).
 */
struct domain *remote_domain(domid_t id, int *err);

/*
 * What the services keep of a domain (d->services), made when first asked for and freed with the domain.
 * Lock: its own, innermost but for the heap's.
 */
struct e820_entry { uint64_t addr, size; uint32_t type; } __packed;
struct vnuma;
struct watchdogs;
struct domain_services {
	spinlock_t lock;
	struct e820_entry *e820; unsigned nr_e820;	/* XENMEM_set_memory_map */
	struct vnuma *vnuma;				/* XEN_DOMCTL_setvnumainfo */
	struct watchdogs *watchdogs;			/* SCHEDOP_watchdog */
	unsigned long node_affinity;			/* bit per NUMA node; 0: all */
};
struct domain_services *domain_services(struct domain *d);	/* NULL: no memory */
/* Stops what the domain's services have under way (timers); before its memory goes. */
void domain_services_dying(struct domain *d);
void domain_services_free(struct domain *d);
#endif
