// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event channels: how they are bound, to whom, and what EVTCHNOP_status tells of them
 * (xen/event_channel.h).
 */
#include "hypercall/evtchn_bind.h"
#include "hypercall/evtchn_virq.h"
#include "hypercall/pirq.h"

/* -EPERM unless current's domain may act for d. */
static int may_act_for(const struct domain *d)
{
	return d->evtchn && (d == current->domain || domain_may_control(current->domain, d)) ? 0 : -EPERM;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
	struct evtchn *c;
	int err;

	event_lock(d);
	err = evtchn_get_free_port(d, &c);
	if (!err) {
		c->remote_domid = remote;
		WRITE_ONCE(c->state, ECS_UNBOUND);
		*port = c->port;
	}
	event_unlock(d);
	return err;
}

int evtchn_op_alloc_unbound(void *arg)
{
	struct evtchn_alloc_unbound *op = arg;
	struct domain *d = domain_resolve(op->dom);
	domid_t remote = op->remote_dom == DOMID_SELF ? current->domain->id : op->remote_dom;
	int err;

	if (!d)
		return -ESRCH;
	err = may_act_for(d);
	if (!err)
		err = evtchn_alloc_unbound(d, remote, &op->port);
	domain_put(d);
	return err;
}

/* Both domains locked. */
static int connect(struct domain *ld, struct domain *rd, evtchn_port_t rport, struct evtchn **out)
{
	struct evtchn *r = evtchn_get(rd, rport), *l;
	int err;

	if (!r || r->state != ECS_UNBOUND || r->remote_domid != ld->id)
		return -EINVAL;
	err = evtchn_get_free_port(ld, &l);
	if (err)
		return err;
	l->remote = r;
	r->remote = l;
	wmb();
	WRITE_ONCE(l->state, ECS_INTERDOMAIN);
	WRITE_ONCE(r->state, ECS_INTERDOMAIN);
	*out = l;
	return 0;
}

int evtchn_op_bind_interdomain(void *arg)
{
	struct evtchn_bind_interdomain *op = arg;
	struct domain *ld = current->domain, *rd = domain_resolve(op->remote_dom);
	struct evtchn *l;
	int err;

	if (!rd)
		return -ESRCH;
	err = -EINVAL;
	if (!rd->evtchn)
		goto out;
	evtchn_lock_both(ld, rd);
	err = connect(ld, rd, op->remote_port, &l);
	evtchn_unlock_both(ld, rd);
	if (err)
		goto out;
	op->local_port = l->port;
	/* What the peer sent before it was bound is lost: so tell this side to look. */
	evtchn_set_pending(l);
out:
	domain_put(rd);
	return err;
}

int evtchn_op_bind_ipi(void *arg)
{
	struct evtchn_bind_ipi *op = arg;
	struct domain *d = current->domain;
	struct evtchn *c;
	int err;

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	event_lock(d);
	err = evtchn_get_free_port(d, &c);
	if (!err) {
		c->notify_vcpu = op->vcpu;
		WRITE_ONCE(c->state, ECS_IPI);
		op->port = c->port;
	}
	event_unlock(d);
	return err;
}

int evtchn_op_bind_pirq(void *arg)
{
	struct evtchn_bind_pirq *op = arg;
	struct domain *d = current->domain;
	struct evtchn *c;
	int err;

	if (!pirq_number_ok(d, op->pirq))
		return -EINVAL;
	event_lock(d);
	err = evtchn_get_free_port(d, &c);
	if (err)
		goto out;
	/* The interrupt may fire before pirq_bind_port is back: the channel is ready first. */
	c->id = op->pirq;
	WRITE_ONCE(c->state, ECS_PIRQ);
	err = pirq_bind_port(d, op->pirq, c->port, domain_vcpu(d, 0), op->flags & BIND_PIRQ__WILL_SHARE);
	if (err)
		evtchn_free_port(c);
	else
		op->port = c->port;
out:
	event_unlock(d);
	return err;
}

int evtchn_op_bind_vcpu(void *arg)
{
	struct evtchn_bind_vcpu *op = arg;
	struct domain *d = current->domain;
	struct evtchn *c = evtchn_get(d, op->port);
	int err = 0;

	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	if (!c)
		return -EINVAL;
	event_lock(d);
	switch (c->state) {
	case ECS_VIRQ:
		if (virq_is_global(c->id))
			WRITE_ONCE(c->notify_vcpu, op->vcpu);
		else
			err = -EINVAL;
		break;
	case ECS_UNBOUND:
	case ECS_INTERDOMAIN:
		WRITE_ONCE(c->notify_vcpu, op->vcpu);
		break;
	case ECS_PIRQ:
		if (c->notify_vcpu == op->vcpu)
			break;
		WRITE_ONCE(c->notify_vcpu, op->vcpu);
		pirq_set_affinity(d, c->id, d->vcpu[op->vcpu]);
		break;
	default:
		err = -EINVAL;
	}
	event_unlock(d);
	return err;
}

static void status_of(const struct evtchn *c, struct evtchn_status *op)
{
	switch (c->state) {
	case ECS_FREE:
	case ECS_RESERVED:
		op->status = EVTCHNSTAT_closed;
		break;
	case ECS_UNBOUND:
		op->status = EVTCHNSTAT_unbound;
		op->u.unbound.dom = c->remote_domid;
		break;
	case ECS_INTERDOMAIN:
		op->status = EVTCHNSTAT_interdomain;
		op->u.interdomain.dom = c->remote->domain->id;
		op->u.interdomain.port = c->remote->port;
		break;
	case ECS_PIRQ:
		op->status = EVTCHNSTAT_pirq;
		op->u.pirq = c->id;
		break;
	case ECS_VIRQ:
		op->status = EVTCHNSTAT_virq;
		op->u.virq = c->id;
		break;
	case ECS_IPI:
		op->status = EVTCHNSTAT_ipi;
		break;
	}
	op->vcpu = c->notify_vcpu;
}

int evtchn_op_status(void *arg)
{
	struct evtchn_status *op = arg;
	struct domain *d = domain_resolve(op->dom);
	struct evtchn *c;
	int err;

	if (!d)
		return -ESRCH;
	c = evtchn_get(d, op->port);
	err = c ? may_act_for(d) : -EINVAL;
	if (!err) {
		event_lock(d);
		status_of(c, op);
		event_unlock(d);
	}
	domain_put(d);
	return err;
}
