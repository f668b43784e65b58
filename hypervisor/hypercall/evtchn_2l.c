// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two-level ABI: 4096 ports, a pending and a mask bit each in shared_info, a selector word and a flag
 * per vCPU in vcpu_info. All of it is the guest's to write at any time: nothing here believes what it reads
 * there. Source: xen/xen.h, struct shared_info.
 */
#include "hypercall/evtchn_2l.h"

static void l2_init(struct domain *d, struct evtchn *c)
{
}

static void l2_notify(struct domain *d, struct evtchn *c)
{
	struct vcpu *v = evtchn_notify_vcpu(c);

	if (v && !test_and_set_bit(c->port / 64, &READ_ONCE(v->info)->evtchn_pending_sel))
		evtchn_mark_vcpu(v);
}

static void l2_set_pending(struct domain *d, struct evtchn *c)
{
	/* A port above the limit is left over from the FIFO ABI, and this send races with EVTCHNOP_reset. */
	if (c->port >= EVTCHN_2L_NR_CHANNELS || test_and_set_bit(c->port, d->shared->evtchn_pending))
		return;
	if (!test_bit(c->port, d->shared->evtchn_mask))
		l2_notify(d, c);
	evtchn_wake_pollers(d, c->port);
}

static void l2_clear_pending(struct domain *d, struct evtchn *c)
{
	if (c->port < EVTCHN_2L_NR_CHANNELS)
		clear_bit(c->port, d->shared->evtchn_pending);
}

static void l2_unmask(struct domain *d, struct evtchn *c)
{
	if (c->port < EVTCHN_2L_NR_CHANNELS && test_and_clear_bit(c->port, d->shared->evtchn_mask) &&
	    test_bit(c->port, d->shared->evtchn_pending))
		l2_notify(d, c);
}

static bool l2_is_pending(const struct domain *d, const struct evtchn *c)
{
	return c->port < EVTCHN_2L_NR_CHANNELS && test_bit(c->port, d->shared->evtchn_pending);
}

static bool l2_is_masked(const struct domain *d, const struct evtchn *c)
{
	return c->port >= EVTCHN_2L_NR_CHANNELS || test_bit(c->port, d->shared->evtchn_mask);
}

static bool l2_is_busy(const struct domain *d, const struct evtchn *c)
{
	return false;
}

static void l2_dump(const struct domain *d, const struct evtchn *c)
{
	struct vcpu *v = evtchn_notify_vcpu(c);

	printk("%d", v ? !!test_bit(c->port / 64, &v->info->evtchn_pending_sel) : 0);
}

const struct evtchn_port_ops evtchn_2l_ops = {
	.name = "2-level",
	.max_ports = EVTCHN_2L_NR_CHANNELS,
	.init = l2_init,
	.set_pending = l2_set_pending,
	.clear_pending = l2_clear_pending,
	.unmask = l2_unmask,
	.is_pending = l2_is_pending,
	.is_masked = l2_is_masked,
	.is_busy = l2_is_busy,
	.dump = l2_dump,
};
