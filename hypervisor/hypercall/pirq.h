/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Physical interrupts given to domains: pirq numbers, their irqs and event channels (physdev_op,
 * EVTCHNOP_bind_pirq).
 */
#ifndef HYPERCALL_PIRQ_H
#define HYPERCALL_PIRQ_H
#include "domain/domain.h"
#include "x86/irq.h"
void pirq_init(void);
int pirq_domain_create(struct domain *d);
void pirq_domain_dying(struct domain *d);	/* gives back every interrupt; its channels are closed */
void pirq_domain_destroy(struct domain *d);
int pirq_map_gsi(struct domain *d, int gsi, int *pirq);	/* pirq < 0: same number as the gsi */
/* EVTCHNOP_bind_pirq */
int pirq_bind_port(struct domain *d, unsigned pirq, uint32_t port, struct vcpu *v, bool share);
void pirq_unbind_port(struct domain *d, unsigned pirq);
void pirq_eoi(struct domain *d, unsigned pirq);	/* also on unmask of its port */
void pirq_set_affinity(struct domain *d, unsigned pirq, const struct vcpu *v);
/* PHYSDEVOP_map_pirq, of d, by current. Returns 0 or -errno */
int pirq_map_msi(struct domain *d, const struct msi_request *r, int *pirq);
int pirq_unmap(struct domain *d, int pirq);	/* -EINVAL: not mapped */
/* a number that nothing is mapped to, kept for the caller; -ENOSPC */
int pirq_get_free(struct domain *d, bool msi);
bool pirq_number_ok(const struct domain *d, unsigned pirq);
int pirq_irq(struct domain *d, unsigned pirq);	/* 0: not mapped */
uint32_t pirq_port(struct domain *d, unsigned pirq);	/* 0: not bound */
/*
 * PHYSDEVOP_pirq_eoi_gmfn_v1 (auto_unmask) and _v2. -EBUSY: registered before; -EINVAL: not a writable page
 * of d
 */
int pirq_set_eoi_page(struct domain *d, uint64_t gmfn, bool auto_unmask);
mfn_t pirq_eoi_page(const struct domain *d);	/* invalid: none */
bool pirq_has_eoi_page(const struct domain *d, bool *auto_unmask);
bool pirq_shared(struct domain *d, unsigned pirq);	/* bound with BIND_PIRQ__WILL_SHARE */
/* The pirqs that v's channels take go to v's CPU. Any context. */
void pirq_vcpu_moved(struct vcpu *v);
#endif
