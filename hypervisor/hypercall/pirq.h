/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical interrupts given to domains: pirq numbers, their irqs and event channels (physdev_op, EVTCHNOP_bind_pirq). */
#ifndef HYPERCALL_PIRQ_H
#define HYPERCALL_PIRQ_H
#include "domain/domain.h"
void pirq_init(void);
int pirq_domain_create(struct domain *d);
void pirq_domain_destroy(struct domain *d);
int pirq_map_gsi(struct domain *d, int gsi, int *pirq);	/* pirq < 0: same number as the gsi */
int pirq_bind_port(struct domain *d, unsigned pirq, uint32_t port, struct vcpu *v, bool share);	/* EVTCHNOP_bind_pirq */
void pirq_unbind_port(struct domain *d, unsigned pirq);
void pirq_eoi(struct domain *d, unsigned pirq);	/* also on unmask of its port */
void pirq_set_affinity(struct domain *d, unsigned pirq, const struct vcpu *v);
#endif
