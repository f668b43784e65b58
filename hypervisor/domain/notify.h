/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Upward calls: what the layers below hypercall/ ask of event channels. hypercall/evtchn*.c fills the table at start.
 */
#ifndef DOMAIN_NOTIFY_H
#define DOMAIN_NOTIFY_H
#include "domain/domain.h"
struct notify_ops {
	void (*virq_vcpu)(struct vcpu *v, uint32_t virq);
	void (*virq_global)(struct domain *d, uint32_t virq);	/* to whoever bound it; d: its holder, usually dom0 */
	bool (*port_pending)(struct vcpu *v, uint32_t port);	/* SCHEDOP_poll: valid port of v's domain that is pending */
	bool (*port_valid)(struct domain *d, uint32_t port);
	/* event channels, grants, pirqs of a new domain; config NULL: defaults */
	int (*domain_create)(struct domain *d, const struct xen_domctl_createdomain *config);
	int (*vcpu_create)(struct vcpu *v);
	int (*domain_dying)(struct domain *d);			/* close all channels, drop grant maps: preemptible */
	void (*domain_free)(struct domain *d);
	void (*vcpu_free)(struct vcpu *v);
	void (*vcpu_moved)(struct vcpu *v);			/* pirq affinity follows */
	int (*port_send)(struct domain *d, uint32_t port);	/* as EVTCHNOP_send by d */
	void (*dom_exc)(struct domain *d);			/* VIRQ_DOM_EXC */
};
extern const struct notify_ops *notify;
/* An event is pending for v: wake it, or make its CPU notice. Lock-free; any context. (sched/) */
void vcpu_kick(struct vcpu *v);
/* Are events pending and unmasked for v? */
static inline bool vcpu_event_pending(const struct vcpu *v)
{
	return v->info->evtchn_upcall_pending && !v->info->evtchn_upcall_mask;
}
#endif
