// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event channels: ports and their buckets, send, close, reset, and the table of EVTCHNOP_*
 * (xen/event_channel.h). How bindings are made is in evtchn_bind.c; how a pending event reaches the guest
 * in evtchn_2l.c and evtchn_fifo.c.
 */
#include "hypercall/dispatch.h"
#include "hypercall/evtchn_2l.h"
#include "hypercall/evtchn_bind.h"
#include "hypercall/evtchn_fifo.h"
#include "hypercall/evtchn_virq.h"
#include "hypercall/gnttab.h"
#include "hypercall/pirq.h"
#include "mem/heap.h"
#include "sched/sched.h"
#include "x86/console.h"
#include <xen/domctl.h>

/* ---- delivery ---- */

struct vcpu *evtchn_notify_vcpu(const struct evtchn *c)
{
	return domain_vcpu(c->domain, READ_ONCE(c->notify_vcpu));
}

void evtchn_mark_vcpu(struct vcpu *v)
{
	if (xchg(&READ_ONCE(v->info)->evtchn_upcall_pending, 1) == 0)
		vcpu_kick(v);
}

void evtchn_wake_pollers(struct domain *d, evtchn_port_t port)
{
	struct vcpu *v;

	/* A poller is counted, sets VPF_POLL, then looks whether its port is pending: one of us sees the other. */
	if (likely(!atomic_read(&d->nr_polling)))
		return;
	for_each_vcpu(d, v)
		if (READ_ONCE(v->pause_flags) & VPF_POLL)
			vcpu_poll_wake(v, port);
}

void evtchn_set_pending(struct evtchn *c)
{
	READ_ONCE(c->domain->evtchn->ops)->set_pending(c->domain, c);
}

void evtchn_pirq_pending(struct domain *d, uint32_t port)
{
	struct evtchn *c = evtchn_get(d, port);

	if (c && READ_ONCE(c->state) == ECS_PIRQ)
		evtchn_set_pending(c);
}

/* ---- ports ---- */

static int add_bucket(struct domain *d)
{
	struct evtchn_domain *ed = d->evtchn;
	unsigned first = ed->nr_ports;
	unsigned group = first / (EVTCHNS_PER_BUCKET * BUCKETS_PER_GROUP);
	struct evtchn *bucket;

	if (!ed->group[group])
		ed->group[group] = new_array(struct evtchn *, BUCKETS_PER_GROUP);
	if (!ed->group[group])
		return -ENOMEM;
	bucket = new_array(struct evtchn, EVTCHNS_PER_BUCKET);
	if (!bucket)
		return -ENOMEM;
	for (unsigned i = 0; i < EVTCHNS_PER_BUCKET; i++) {
		bucket[i].port = first + i;
		bucket[i].domain = d;
	}
	ed->group[group][first / EVTCHNS_PER_BUCKET % BUCKETS_PER_GROUP] = bucket;
	wmb();
	WRITE_ONCE(ed->nr_ports, first + EVTCHNS_PER_BUCKET);
	return 0;
}

int evtchn_get_free_port(struct domain *d, struct evtchn **out)
{
	struct evtchn_domain *ed = d->evtchn;
	bool skipped_busy = false;

	if (d->state >= DOM_DYING)
		return -EINVAL;
	for (uint32_t port = ed->first_free; ; port++) {
		struct evtchn *c;
		int err;

		if (port > ed->max_port || port >= ed->ops->max_ports)
			return -ENOSPC;
		c = evtchn_get(d, port);
		if (!c) {
			err = add_bucket(d);
			if (err)
				return err;
			c = evtchn_get(d, port);
		}
		if (c->state == ECS_FREE && !ed->ops->is_busy(d, c)) {
			if (!skipped_busy)
				ed->first_free = port + 1;
			c->notify_vcpu = 0;
			c->pending = false;
			c->state = ECS_RESERVED;
			ed->active++;
			ed->ops->init(d, c);
			*out = c;
			return 0;
		}
		skipped_busy |= c->state == ECS_FREE;
	}
}

void evtchn_free_port(struct evtchn *c)
{
	struct evtchn_domain *ed = c->domain->evtchn;

	WRITE_ONCE(c->state, ECS_FREE);
	WRITE_ONCE(c->remote, NULL);
	c->notify_vcpu = 0;
	c->pending = false;
	ed->ops->clear_pending(c->domain, c);
	ed->active--;
	if (c->port < ed->first_free)
		ed->first_free = c->port;
}

/* ---- close ---- */

void evtchn_lock_both(struct domain *a, struct domain *b)
{
	event_lock(a < b ? a : b);
	if (a != b)
		event_lock(a < b ? b : a);
}

void evtchn_unlock_both(struct domain *a, struct domain *b)
{
	event_unlock(a);
	if (a != b)
		event_unlock(b);
}

/*
 * Locks c's domain and, while c is interdomain, the peer's too: *peer is it, or NULL. RCU keeps both in
 * existence.
 */
static void lock_with_peer(struct evtchn *c, struct domain **peer)
{
	struct domain *d = c->domain, *p;

	for (;;) {
		struct evtchn *remote;

		event_lock(d);
		*peer = NULL;
		if (c->state != ECS_INTERDOMAIN || c->remote->domain == d)
			return;
		remote = c->remote;
		p = remote->domain;
		if (p < d) {
			event_unlock(d);
			event_lock(p);
			event_lock(d);
		} else {
			event_lock(p);
		}
		*peer = p;
		if (c->state == ECS_INTERDOMAIN && c->remote == remote)
			return;
		event_unlock(d);
		event_unlock(p);
	}
}

static void unbind_virq(struct evtchn *c)
{
	struct vcpu *v;

	for_each_vcpu(c->domain, v)
		if (v->evtchn && v->evtchn->virq_port[c->id] == c->port)
			WRITE_ONCE(v->evtchn->virq_port[c->id], 0);
}

/* The other end of a channel that is being closed waits for a new peer from the same domain. */
static void orphan_peer(struct evtchn *c)
{
	struct evtchn *r = c->remote;

	r->remote_domid = c->domain->id;
	WRITE_ONCE(r->state, ECS_UNBOUND);
	WRITE_ONCE(r->remote, NULL);
}

int evtchn_close_port(struct domain *d, evtchn_port_t port)
{
	struct evtchn *c = evtchn_get(d, port);
	struct domain *peer;
	int err = 0;

	if (!c)
		return -EINVAL;
	lock_with_peer(c, &peer);
	switch (c->state) {
	case ECS_FREE:
	case ECS_RESERVED:
		err = -EINVAL;
		break;
	case ECS_PIRQ:
		pirq_unbind_port(d, c->id);
		break;
	case ECS_VIRQ:
		unbind_virq(c);
		break;
	case ECS_INTERDOMAIN:
		orphan_peer(c);
		break;
	}
	if (!err)
		evtchn_free_port(c);
	event_unlock(d);
	if (peer)
		event_unlock(peer);
	return err;
}

/* ---- operations ---- */

static int op_close(void *arg)
{
	struct evtchn_close *op = arg;

	return evtchn_close_port(current->domain, op->port);
}

/* The hot path: no lock; state and remote are read once each. */
/* Sends from d's port, as d itself would. */
static int send_from(struct domain *d, uint32_t port)
{
	struct evtchn *c = evtchn_get(d, port), *remote;

	if (!c)
		return -EINVAL;
	switch (READ_ONCE(c->state)) {
	case ECS_INTERDOMAIN:
		remote = READ_ONCE(c->remote);
		if (remote)
			evtchn_set_pending(remote);
		return 0;
	case ECS_IPI:
		evtchn_set_pending(c);
		return 0;
	case ECS_UNBOUND:	/* nobody there to be told */
		return 0;
	default:
		return -EINVAL;
	}
}

static int op_send(void *arg)
{
	struct evtchn_send *op = arg;

	return send_from(current->domain, op->port);
}

int evtchn_unmask_port(struct domain *d, uint32_t port)
{
	struct evtchn *c = evtchn_get(d, port);

	if (!c)
		return -EINVAL;
	READ_ONCE(d->evtchn->ops)->unmask(d, c);
	return 0;
}

static int op_unmask(void *arg)
{
	struct evtchn_unmask *op = arg;

	return evtchn_unmask_port(current->domain, op->port);
}

static int op_init_control(void *arg)
{
	return evtchn_fifo_init_control(arg);
}

static int op_expand_array(void *arg)
{
	return evtchn_fifo_expand_array(arg);
}

static int op_set_priority(void *arg)
{
	struct evtchn_set_priority *op = arg;
	struct domain *d = current->domain;
	struct evtchn *c = evtchn_get(d, op->port);
	const struct evtchn_port_ops *ops = READ_ONCE(d->evtchn->ops);

	if (!c)
		return -EINVAL;
	return ops->set_priority ? ops->set_priority(d, c, op->priority) : -ENOSYS;
}

int evtchn_reset(struct domain *d, bool resuming)
{
	struct evtchn_domain *ed = d->evtchn;
	uint32_t port;
	int err = 0;

	if (d != current->domain && !d->controller_paused && !d->controller_pause_count)
		return -EINVAL;
	event_lock(d);
	port = resuming ? ed->reset_cursor : !ed->reset_cursor;
	if (port > ed->reset_cursor)
		ed->reset_cursor = port;
	event_unlock(d);
	if (!port)
		return -EBUSY;
	for (; evtchn_get(d, port); port++) {
		evtchn_close_port(d, port);
		if (!(port % EVTCHNS_PER_BUCKET) && hypercall_preempt_check()) {
			event_lock(d);
			ed->reset_cursor = port + 1;
			event_unlock(d);
			return -EAGAIN_HYPERCALL;
		}
	}
	event_lock(d);
	ed->reset_cursor = 0;
	if (ed->active)	/* another vCPU has bound one meanwhile */
		err = -EAGAIN;
	else if (ed->fifo)
		evtchn_fifo_destroy(d);
	event_unlock(d);
	return err;
}

static long do_reset(struct hypercall *h, const struct evtchn_reset *op, bool resuming)
{
	struct domain *d = domain_resolve(op->dom);
	long ret;

	if (!d)
		return -ESRCH;
	if (!d->evtchn || (d != current->domain && !domain_may_control(current->domain, d)))
		ret = -EPERM;
	else
		ret = evtchn_reset(d, resuming);
	domain_put(d);
	if (ret != -EAGAIN_HYPERCALL)
		return ret;
	h->a[0] = EVTCHNOP_reset_cont;
	return hypercall_again(h);
}

#define OP(name, out, fn) [EVTCHNOP_##name] = { sizeof(struct evtchn_##name), out, fn }
/* One row an operation: the argument is copied in once, and back where the operation has something to say. */
static const struct evtchn_op_row {
	uint8_t size;
	bool out;
	int (*fn)(void *arg);
} evtchn_ops[] = {
	OP(bind_interdomain, true, evtchn_op_bind_interdomain),
	OP(bind_virq, true, evtchn_op_bind_virq),
	OP(bind_pirq, true, evtchn_op_bind_pirq),
	OP(close, false, op_close),
	OP(send, false, op_send),
	OP(status, true, evtchn_op_status),
	OP(alloc_unbound, true, evtchn_op_alloc_unbound),
	OP(bind_ipi, true, evtchn_op_bind_ipi),
	OP(bind_vcpu, false, evtchn_op_bind_vcpu),
	OP(unmask, false, op_unmask),
	OP(init_control, true, op_init_control),
	OP(expand_array, false, op_expand_array),
	OP(set_priority, false, op_set_priority),
};

static long evtchn_call(struct hypercall *h, uint32_t cmd, void *guest_arg)
{
	const struct evtchn_op_row *row;
	union { struct evtchn_status status; struct evtchn_init_control ic; struct evtchn_reset reset; } arg;
	int ret;

	if (cmd == EVTCHNOP_reset || cmd == EVTCHNOP_reset_cont) {
		if (guest_copy_in(&arg.reset, guest_arg, sizeof(arg.reset)))
			return -EFAULT;
		return do_reset(h, &arg.reset, cmd == EVTCHNOP_reset_cont);
	}
	if (cmd >= ARRAY_SIZE(evtchn_ops) || !evtchn_ops[cmd].fn)
		return -ENOSYS;
	row = &evtchn_ops[cmd];
	if (guest_copy_in(&arg, guest_arg, row->size))
		return -EFAULT;
	ret = row->fn(&arg);
	if (!ret && row->out && guest_copy_out(guest_arg, &arg, row->size))
		ret = -EFAULT;
	return ret;
}

long hc_event_channel_op(struct hypercall *h)
{
	return evtchn_call(h, h->a[0], (void *)h->a[1]);
}

/* The form before 0x00030202: the number stands in memory before the argument. */
long hc_event_channel_op_compat(struct hypercall *h)
{
	struct evtchn_op *uop = (struct evtchn_op *)h->a[0];
	uint32_t cmd;

	if (guest_copy_in(&cmd, &uop->cmd, sizeof(cmd)))
		return -EFAULT;
	if (cmd > EVTCHNOP_unmask)
		return -ENOSYS;
	return evtchn_call(h, cmd, &uop->u);
}

/* ---- life of a domain ---- */

static void free_buckets(struct evtchn_domain *ed)
{
	for (unsigned g = 0; g < EVTCHN_GROUPS && ed->group[g]; g++) {
		for (unsigned b = 0; b < BUCKETS_PER_GROUP; b++)
			heap_free(ed->group[g][b]);
		heap_free(ed->group[g]);
	}
}

static int evtchn_domain_create(struct domain *d, uint32_t max_port)
{
	struct evtchn_domain *ed = new_object(struct evtchn_domain);
	int err;

	if (!ed)
		return -ENOMEM;
	spin_lock_init(&ed->event_lock);
	ed->ops = &evtchn_2l_ops;
	ed->max_port = max_port;
	d->evtchn = ed;
	err = add_bucket(d);
	if (err) {
		free_buckets(ed);
		heap_free(ed);
		d->evtchn = NULL;
		return err;
	}
	evtchn_get(d, 0)->state = ECS_RESERVED;	/* port 0 means "no port" */
	ed->first_free = 1;
	return 0;
}

static void evtchn_domain_free(struct domain *d)
{
	if (!d->evtchn)
		return;
	event_lock(d);
	if (d->evtchn->fifo)
		evtchn_fifo_destroy(d);
	event_unlock(d);
	free_buckets(d->evtchn);
	heap_free(d->evtchn);
	d->evtchn = NULL;
}

/* Closes all; d's state is DYING, so that no port can be taken any more. -EAGAIN_HYPERCALL: call again */
static int evtchn_domain_dying(struct domain *d)
{
	struct evtchn_domain *ed = d->evtchn;

	while (evtchn_get(d, ed->dying_cursor)) {
		evtchn_close_port(d, ed->dying_cursor++);
		if (!(ed->dying_cursor % EVTCHNS_PER_BUCKET) && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
	}
	virq_handlers_drop(d);
	event_lock(d);
	if (ed->fifo)
		evtchn_fifo_destroy(d);
	event_unlock(d);
	return 0;
}

static void notify_domain_free(struct domain *d)
{
	gnttab_domain_destroy(d);
	pirq_domain_destroy(d);
	evtchn_domain_free(d);
	domain_services_free(d);
}

static int notify_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
	/* dom0 has what the command line allows; others are told by their creator. */
	bool told = config && !d->is_hardware;
	unsigned max_version = told ? config->grant_opts & XEN_DOMCTL_GRANT_version_mask : 0;
	int err;

	if (told && !max_version)
		return -EINVAL;
	err = evtchn_domain_create(d, config ? config->max_evtchn_port : UINT32_MAX);
	if (!err)
		err = pirq_domain_create(d);
	if (!err)
		err = gnttab_domain_create(d, config ? config->max_grant_frames : -1,
					   config ? config->max_maptrack_frames : -1, max_version);
	if (err)
		notify_domain_free(d);
	return err;
}

static int notify_domain_dying(struct domain *d)
{
	int err = d->evtchn ? evtchn_domain_dying(d) : 0;

	if (err)
		return err;
	pirq_domain_dying(d);
	domain_services_dying(d);
	return gnttab_release_mappings(d);
}

static int notify_vcpu_create(struct vcpu *v)
{
	v->evtchn = new_object(struct evtchn_vcpu);
	return v->evtchn ? 0 : -ENOMEM;
}

static void notify_vcpu_free(struct vcpu *v)
{
	heap_free(v->evtchn);
	v->evtchn = NULL;
}

static bool notify_port_pending(struct vcpu *v, uint32_t port)
{
	struct evtchn *c = evtchn_get(v->domain, port);

	return c && READ_ONCE(v->domain->evtchn->ops)->is_pending(v->domain, c);
}

static bool notify_port_valid(struct domain *d, uint32_t port)
{
	return evtchn_get(d, port) != NULL;
}

/* Pirqs of v's domain that it is told of follow it to its CPU. */
static void notify_vcpu_moved(struct vcpu *v)
{
	pirq_vcpu_moved(v);
}

static void notify_dom_exc(struct domain *d)
{
	virq_global(dom0, VIRQ_DOM_EXC);
}

/* ---- debug key e ---- */

static void dump_port(const struct domain *d, const struct evtchn *c)
{
	const struct evtchn_port_ops *ops = d->evtchn->ops;

	printk("    %4u [%d/%d/", c->port, ops->is_pending(d, c), ops->is_masked(d, c));
	ops->dump(d, c);
	printk("]: s=%d n=%u", c->state, c->notify_vcpu);
	switch (c->state) {
	case ECS_UNBOUND:
		printk(" d=%d", c->remote_domid);
		break;
	case ECS_INTERDOMAIN:
		printk(" d=%d p=%u", c->remote->domain->id, c->remote->port);
		break;
	case ECS_PIRQ:
		printk(" p=%u", c->id);
		break;
	case ECS_VIRQ:
		printk(" v=%u", c->id);
		break;
	}
	printk("\n");
}

void evtchn_dump(struct domain *d)
{
	const struct evtchn *c;

	if (!d->evtchn)
		return;
	printk("Event channel information for domain %d (%s):\n    port [p/m/s]\n", d->id,
	       d->evtchn->ops->name);
	event_lock(d);
	for (uint32_t port = 1; (c = evtchn_get(d, port)) != NULL; port++)
		if (c->state > ECS_RESERVED)
			dump_port(d, c);
	event_unlock(d);
}

static void key_evtchn(char key)
{
	struct domain *d;

	for_each_domain(d)
		evtchn_dump(d);
}

static const struct notify_ops evtchn_notify = {
	.virq_vcpu = virq_vcpu,
	.virq_global = virq_global,
	.port_pending = notify_port_pending,
	.port_valid = notify_port_valid,
	.domain_create = notify_domain_create,
	.vcpu_create = notify_vcpu_create,
	.domain_dying = notify_domain_dying,
	.domain_free = notify_domain_free,
	.vcpu_free = notify_vcpu_free,
	.vcpu_moved = notify_vcpu_moved,
	.dom_exc = notify_dom_exc,
	.port_send = send_from,
};

void evtchn_init(void)
{
	notify = &evtchn_notify;
	keyhandler_register('e', key_evtchn, "dump evtchn info");
}
