/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels, two-level and FIFO (xen/event_channel.h). */
#ifndef HYPERCALL_EVTCHN_H
#define HYPERCALL_EVTCHN_H
#include "hypercall/hypercall.h"
void evtchn_init(void);				/* fills 'notify' */
void virq_vcpu(struct vcpu *v, uint32_t virq);
void virq_global(struct domain *d, uint32_t virq);
/*
 * XEN_DOMCTL_set_virq_handler: who is told of a global virq in place of dom0. -EINVAL: not global, or d is
 * going
 */
int virq_set_handler(struct domain *d, uint32_t virq);
/* A pirq fired: marks its port pending (interrupt context) */
void evtchn_pirq_pending(struct domain *d, uint32_t port);
/* Unmasks a port that exists (PHYSDEVOP_eoi with pirq_eoi_gmfn_v1) */
int evtchn_unmask_port(struct domain *d, uint32_t port);
/* for domain builders: -ENOSPC ... */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
/* -EAGAIN_HYPERCALL; -EBUSY; -EINVAL: another domain, not paused */
int evtchn_reset(struct domain *d, bool resuming);
void evtchn_dump(struct domain *d);		/* debug key e */
#endif
