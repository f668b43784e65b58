// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual interrupts (xen/xen.h, VIRQ_*): per vCPU, or global: bound through vCPU 0 of whoever handles it,
 * dom0 unless XEN_DOMCTL_set_virq_handler named another.
 */
#include "hypercall/evtchn_virq.h"

static DEFINE_SPINLOCK(handler_lock);
static struct domain *virq_handler[NR_VIRQS];	/* each holds a reference; handler_lock, read without */

bool virq_is_global(uint32_t virq)
{
	switch (virq) {
	case VIRQ_TIMER:
	case VIRQ_DEBUG:
	case VIRQ_XENOPROF:
	case VIRQ_XENPMU:
		return false;
	/* ARCH_0 is VIRQ_MCA, global; the others mean nothing on x86 */
	case VIRQ_ARCH_0 + 1 ... VIRQ_ARCH_7:
		return false;
	default:
		return true;
	}
}

static void raise_on(struct vcpu *v, uint32_t virq)
{
	evtchn_port_t port;
	struct evtchn *c;

	if (!v || !v->evtchn)
		return;
	port = READ_ONCE(v->evtchn->virq_port[virq]);
	c = port ? evtchn_get(v->domain, port) : NULL;
	if (c)
		evtchn_set_pending(c);
}

void virq_vcpu(struct vcpu *v, uint32_t virq)
{
	raise_on(v, virq);
}

void virq_global(struct domain *d, uint32_t virq)
{
	struct domain *h = READ_ONCE(virq_handler[virq]);

	if (!h)
		h = d;
	if (h)
		raise_on(domain_vcpu(h, 0), virq);
}

int virq_set_handler(struct domain *d, uint32_t virq)
{
	struct domain *old = NULL;
	int err = 0;

	if (virq >= NR_VIRQS || !virq_is_global(virq))
		return -EINVAL;
	if (!domain_get(d))
		return -EINVAL;
	spin_lock(&handler_lock);
	if (d->state >= DOM_DYING) {
		old = d;
		err = -EINVAL;
	} else if (virq_handler[virq] == d) {
		old = d;
	} else {
		old = virq_handler[virq];
		WRITE_ONCE(virq_handler[virq], d);
	}
	spin_unlock(&handler_lock);
	if (old)
		domain_put(old);
	return err;
}

void virq_handlers_drop(struct domain *d)
{
	for (unsigned virq = 0; virq < NR_VIRQS; virq++) {
		bool drop;

		spin_lock(&handler_lock);
		drop = virq_handler[virq] == d;
		if (drop)
			WRITE_ONCE(virq_handler[virq], NULL);
		spin_unlock(&handler_lock);
		if (drop)
			domain_put(d);
	}
}

int evtchn_op_bind_virq(void *arg)
{
	struct evtchn_bind_virq *op = arg;
	struct domain *d = current->domain;
	struct vcpu *v;
	struct evtchn *c;
	int err;

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu != 0))
		return -EINVAL;
	v = domain_vcpu(d, op->vcpu);
	if (!v)
		return -ENOENT;
	event_lock(d);
	err = -EEXIST;
	if (v->evtchn->virq_port[op->virq])
		goto out;
	err = evtchn_get_free_port(d, &c);
	if (err)
		goto out;
	c->id = op->virq;
	c->notify_vcpu = v->id;
	WRITE_ONCE(c->state, ECS_VIRQ);
	WRITE_ONCE(v->evtchn->virq_port[op->virq], c->port);
	op->port = c->port;
out:
	event_unlock(d);
	return err;
}
