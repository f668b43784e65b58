/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels, two-level and FIFO (xen/event_channel.h). */
#ifndef HYPERCALL_EVTCHN_H
#define HYPERCALL_EVTCHN_H
#include "hypercall/hypercall.h"
void evtchn_init(void);				/* fills 'notify' */
void virq_vcpu(struct vcpu *v, uint32_t virq);
void virq_global(struct domain *d, uint32_t virq);
/* A pirq fired: marks its port pending (interrupt context) */
void evtchn_pirq_pending(struct domain *d, uint32_t port);
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);	/* for domain builders: -ENOSPC ... */
int evtchn_reset(struct domain *d, bool resuming);	/* -EAGAIN_HYPERCALL */
void evtchn_dump(struct domain *d);		/* debug key e */
#endif
