/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: what evtchn*.c share.
 *
 * A domain's channels stand in buckets, made on demand and freed only with the domain, after an RCU grace
 * period: so whoever holds a valid domain pointer may follow a channel's pointers without a lock. Senders
 * (hypercalls and interrupts) take no lock: they read state, then remote. A send that races with a close
 * may flag the port once more; guests expect that.
 *
 * Locks: event_lock of a domain protects every change of a channel's state and binding, the array of
 * buckets and the ABI's switch. Two of them are taken in order of address. Not for interrupt context. It is
 * taken before the queue locks of evtchn_fifo.c, a page table's FTYPE_BUSY and the locks of hypercall/pirq.c.
 */
#ifndef HYPERCALL_EVTCHN_PRIV_H
#define HYPERCALL_EVTCHN_PRIV_H
#include "hypercall/evtchn.h"
#include "lib/panic.h"
#include <xen/event_channel.h>

#ifndef EVTCHNOP_reset_cont
#define EVTCHNOP_reset_cont 14	/* in the header for the hypervisor only: how a long reset goes on */
#endif

enum evtchn_state { ECS_FREE, ECS_RESERVED, ECS_UNBOUND, ECS_INTERDOMAIN, ECS_PIRQ, ECS_VIRQ, ECS_IPI };

struct evtchn {
	uint8_t state;			/* enum evtchn_state */
	uint8_t priority;		/* FIFO: queue of the next event */
	bool pending;			/* flagged while the guest had no event word for it */
	bool pad;
	evtchn_port_t port;
	uint16_t notify_vcpu;
	domid_t remote_domid;		/* UNBOUND: who may bind */
	uint32_t id;			/* VIRQ: virq; PIRQ: pirq */
	uint32_t lastq;			/* FIFO: queue that it was last linked on: vcpu << 16 | priority */
	struct evtchn *remote;		/* INTERDOMAIN */
	struct domain *domain;		/* whose port this is */
};

#define EVTCHNS_PER_BUCKET	64u
#define BUCKETS_PER_GROUP	64u
#define EVTCHN_GROUPS		(EVTCHN_FIFO_NR_CHANNELS / EVTCHNS_PER_BUCKET / BUCKETS_PER_GROUP)

struct evtchn_port_ops {
	const char *name;
	uint32_t max_ports;
	void (*init)(struct domain *d, struct evtchn *c);
	void (*set_pending)(struct domain *d, struct evtchn *c);	/* any context */
	void (*clear_pending)(struct domain *d, struct evtchn *c);
	void (*unmask)(struct domain *d, struct evtchn *c);
	bool (*is_pending)(const struct domain *d, const struct evtchn *c);
	bool (*is_masked)(const struct domain *d, const struct evtchn *c);
	/* the guest may still have it queued: no reuse */
	bool (*is_busy)(const struct domain *d, const struct evtchn *c);
	int (*set_priority)(struct domain *d, struct evtchn *c, uint32_t priority);
	void (*dump)(const struct domain *d, const struct evtchn *c);
};

struct evtchn_fifo;
struct evtchn_domain {
	const struct evtchn_port_ops *ops;	/* changes under event_lock, read without */
	struct evtchn_fifo *fifo;		/* NULL: two-level; goes after a grace period */
	/* event_lock */
	spinlock_t event_lock;
	uint32_t max_port;			/* highest port that the domain may have */
	/* channels that exist: multiple of EVTCHNS_PER_BUCKET; read without lock */
	uint32_t nr_ports;
	uint32_t first_free;			/* no free channel below */
	uint32_t active;			/* channels in use, reserved ones left out */
	uint32_t reset_cursor;			/* 0: no EVTCHNOP_reset under way */
	uint32_t dying_cursor;			/* the killer's */
	struct evtchn **group[EVTCHN_GROUPS];	/* [port / 4096][port / 64 % 64][port % 64] */
};
struct evtchn_vcpu {
	evtchn_port_t virq_port[NR_VIRQS];	/* 0: not bound; event_lock, read without */
};

static inline void event_lock(struct domain *d) { spin_lock(&d->evtchn->event_lock); }
static inline void event_unlock(struct domain *d) { spin_unlock(&d->evtchn->event_lock); }

void evtchn_lock_both(struct domain *a, struct domain *b);	/* may be the same */
void evtchn_unlock_both(struct domain *a, struct domain *b);

/* The channel of a port that exists, or NULL. Lock-free. */
static inline struct evtchn *evtchn_get(const struct domain *d, evtchn_port_t port)
{
	const struct evtchn_domain *ed = d->evtchn;

	if (!ed || port >= READ_ONCE(ed->nr_ports))
		return NULL;
	return &ed->group[port / (EVTCHNS_PER_BUCKET * BUCKETS_PER_GROUP)]
			 [port / EVTCHNS_PER_BUCKET % BUCKETS_PER_GROUP][port % EVTCHNS_PER_BUCKET];
}

/* Flags the port to its domain; any context, no lock needed. */
void evtchn_set_pending(struct evtchn *c);
/* Tells v that some event is pending (evtchn_upcall_pending), and kicks it if that is news. */
void evtchn_mark_vcpu(struct vcpu *v);
/* Wakes vCPUs that poll for the port (SCHEDOP_poll). */
void evtchn_wake_pollers(struct domain *d, evtchn_port_t port);
int evtchn_close_port(struct domain *d, evtchn_port_t port);	/* -EINVAL: not in use */
struct vcpu *evtchn_notify_vcpu(const struct evtchn *c);	/* NULL: not created yet */

/*
 * A free port of d, the lowest: RESERVED until the caller says what it is. event_lock held.
 * -EINVAL: d is dying, -ENOSPC, -ENOMEM
 */
int evtchn_get_free_port(struct domain *d, struct evtchn **out);
void evtchn_free_port(struct evtchn *c);	/* event_lock held */
#endif
