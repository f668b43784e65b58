/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels, two-level.
 *
 * What could be wrong: events are how everything in a guest is woken; one that is lost hangs a disk for ever, one too many
 * on a closed port wakes a stranger.
 * How it is provoked: each kind of port is made, used, refused, and closed; masks at all three levels are tried.
 * A wrong host: loses an event that came while masked, delivers with upcalls masked, accepts another's or a free port.
 */
#include "guest.h"

static unsigned long hits[64];
static void count(evtchn_port_t port)
{
	if (port < ARRAY_SIZE(hits))
		hits[port]++;
}

static void watch(void)
{
	memset(hits, 0, sizeof(hits));
	event_handler = count;
}

static evtchn_port_t unbound(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

	return evtchn_op(EVTCHNOP_alloc_unbound, &a) ? 0 : a.port;
}

static long send(evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	return evtchn_op(EVTCHNOP_send, &s);
}

static int status(evtchn_port_t port, struct evtchn_status *s)
{
	memset(s, 0, sizeof(*s));
	s->dom = DOMID_SELF;
	s->port = port;
	return evtchn_op(EVTCHNOP_status, s);
}

CASE(loopback, "two ports of one domain: a send on either is pending on the other, and delivered when unmasked")
{
	evtchn_port_t a = unbound();
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = a };

	REQUIRE(a);
	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	EXPECT(b.local_port != a);
	watch();
	port_clear(a);
	port_clear(b.local_port);
	EXPECT_RC(send(b.local_port), 0);
	EXPECT(port_pending(a));
	EXPECT(!port_pending(b.local_port));
	EXPECT_RC(hits[a], 0);
	events_on();
	EXPECT_RC(hits[a], 0);	/* the port is masked still */
	EXPECT_RC(port_unmask(a), 0);
	EXPECT_RC(hits[a], 1);
	EXPECT_RC(send(b.local_port), 0);
	EXPECT_RC(hits[a], 2);
	port_unmask(b.local_port);
	EXPECT_RC(send(a), 0);
	EXPECT_RC(hits[b.local_port], 1);
	EXPECT_RC(port_close(a), 0);
	EXPECT_RC(port_close(b.local_port), 0);
}

CASE(binding_is_pending, "a fresh interdomain binding is pending on the binder's side: nothing sent before is lost")
{
	evtchn_port_t a = unbound();
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = a };

	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	EXPECT(port_pending(b.local_port));
	EXPECT(!port_pending(a));
	port_close(a);
	port_close(b.local_port);
	port_clear(b.local_port);
}

CASE(interdomain_errors, "bind_interdomain: ports that are free, bound, out of range; domains that are not there")
{
	evtchn_port_t a = unbound();
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = a };

	NEED(a);
	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
	b.remote_port = 4095;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
	b.remote_port = 0;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
	b.remote_port = 0x7fffffff;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
	b.remote_dom = 4321;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_ESRCH);
	EXPECT_RC(port_close(a), 0);
	EXPECT_RC(port_close(b.local_port), 0);
	port_clear(b.local_port);
}

CASE(half_closed, "closing one end leaves the other unbound for the same domain, where it can be bound again")
{
	evtchn_port_t a = unbound();
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = a };
	struct evtchn_status s;

	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	EXPECT_RC(status(a, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_interdomain);
	EXPECT_RC(s.u.interdomain.port, b.local_port);
	EXPECT_RC(port_close(b.local_port), 0);
	EXPECT_RC(status(a, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_unbound);
	EXPECT_RC(send(a), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	EXPECT_RC(port_close(a), 0);
	EXPECT_RC(port_close(b.local_port), 0);
	EXPECT_RC(port_close(b.local_port), -XEN_EINVAL);
	EXPECT_RC(status(a, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_closed);
}

CASE(lowest_free, "ports are given out from the lowest free one, never port 0")
{
	evtchn_port_t a = unbound(), b = unbound(), c;

	REQUIRE(a && b && a != b);
	EXPECT_RC(port_close(a), 0);
	c = unbound();
	EXPECT_RC(c, a);
	EXPECT_RC(port_close(b), 0);
	EXPECT_RC(port_close(c), 0);
}

CASE(ipi, "a port to oneself: send raises it; status tells the vCPU; no such vCPU is refused")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_status s;

	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
	EXPECT_RC(status(ipi.port, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_ipi);
	EXPECT_RC(s.vcpu, 0);
	watch();
	events_on();
	port_unmask(ipi.port);
	EXPECT_RC(send(ipi.port), 0);
	EXPECT_RC(hits[ipi.port], 1);
	EXPECT_RC(port_close(ipi.port), 0);
	ipi.vcpu = 99;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT);
	ipi.vcpu = 0xffffffff;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOENT);
}

CASE(virq, "virtual interrupts: twice is refused, global ones only on vCPU 0, none beyond the last; status tells which")
{
	struct evtchn_bind_virq v = { .virq = VIRQ_DEBUG, .vcpu = 0 }, w;
	struct evtchn_status s;

	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_virq, &v), 0);
	EXPECT_RC(status(v.port, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_virq);
	EXPECT_RC(s.u.virq, VIRQ_DEBUG);
	w = v;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), -XEN_EEXIST);
	EXPECT_RC(send(v.port), -XEN_EINVAL);
	EXPECT_RC(port_close(v.port), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), 0);
	EXPECT_RC(port_close(w.port), 0);
	w.virq = NR_VIRQS;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), -XEN_EINVAL);
	w.virq = 0xffffffff;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), -XEN_EINVAL);
	w.virq = VIRQ_TIMER;
	w.vcpu = 99;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), -XEN_ENOENT);
	w.virq = VIRQ_CONSOLE;
	w.vcpu = 1;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), -XEN_EINVAL);
	w.vcpu = 0;
	if (is_dom0()) {
		EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &w), 0);
		EXPECT_RC(port_close(w.port), 0);
	}
}

CASE(send_errors, "send: free ports, port 0, ports out of range; an unbound port swallows it")
{
	evtchn_port_t a = unbound();

	EXPECT_RC(send(a), 0);
	EXPECT_RC(port_close(a), 0);
	EXPECT_RC(send(a), -XEN_EINVAL);
	EXPECT_RC(send(0), -XEN_EINVAL);
	EXPECT_RC(send(4095), -XEN_EINVAL);
	EXPECT_RC(send(4096), -XEN_EINVAL);
	EXPECT_RC(send(0xffffffff), -XEN_EINVAL);
}

CASE(close_errors, "close, unmask and status of ports that are not there")
{
	struct evtchn_status s;
	evtchn_port_t a = unbound();

	port_close(a);
	EXPECT_RC(port_close(a), -XEN_EINVAL);
	EXPECT_RC(port_close(0), -XEN_EINVAL);
	EXPECT_RC(port_close(4096), -XEN_EINVAL);
	EXPECT_RC(port_close(0xffffffff), -XEN_EINVAL);
	EXPECT_RC(port_unmask(0xffffffff), -XEN_EINVAL);
	EXPECT_RC(port_unmask(4096), -XEN_EINVAL);
	EXPECT_RC(status(0xffffffff, &s), -XEN_EINVAL);
	EXPECT_RC(status(0, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_closed);
	s.dom = 4321;
	EXPECT_RC(evtchn_op(EVTCHNOP_status, &s), -XEN_ESRCH);
}

CASE(alloc_errors, "alloc_unbound for a domain that is not there, or not one's own")
{
	struct evtchn_alloc_unbound a = { .dom = 4321, .remote_dom = 0 };

	EXPECT_RC(evtchn_op(EVTCHNOP_alloc_unbound, &a), -XEN_ESRCH);
	a.dom = DOMID_SELF;
	a.remote_dom = 4321;	/* it may come later */
	EXPECT_RC(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	EXPECT_RC(port_close(a.port), 0);
}

CASE(bind_vcpu, "bind_vcpu moves interdomain and global ports, not those of one vCPU")
{
	struct evtchn_bind_vcpu b = { .vcpu = 1 };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = 0 };
	struct evtchn_status s;

	b.port = unbound();
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_vcpu, &b), 0);
	EXPECT_RC(status(b.port, &s), 0);
	EXPECT_RC(s.vcpu, 1);
	b.vcpu = 99;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_ENOENT);
	EXPECT_RC(port_close(b.port), 0);
	b.vcpu = 1;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL);
	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi) && !evtchn_op(EVTCHNOP_bind_virq, &v));
	b.port = ipi.port;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL);
	b.port = v.port;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL);
	port_close(ipi.port);
	port_close(v.port);
}

CASE(masked_upcalls, "with upcalls masked an event only marks; unmasking and any return from the host delivers it once")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	watch();
	port_unmask(ipi.port);
	EXPECT_RC(send(ipi.port), 0);
	EXPECT_RC(hits[ipi.port], 0);
	EXPECT_RC(vcpu_info()->evtchn_upcall_pending, 1);
	EXPECT(vcpu_info()->evtchn_pending_sel & 1UL << (ipi.port / 64));
	EXPECT_RC(send(ipi.port), 0);
	events_on();
	EXPECT_RC(hits[ipi.port], 1);
	EXPECT_RC(vcpu_info()->evtchn_upcall_pending, 0);
	EXPECT_RC(vcpu_info()->evtchn_upcall_mask, 0);	/* put back by iret */
	port_close(ipi.port);
}

CASE(upcall_masks_itself, "during an upcall further upcalls are masked")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	static u8 mask_inside;
	void look(evtchn_port_t port) { mask_inside = vcpu_info()->evtchn_upcall_mask; }

	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	event_handler = look;
	mask_inside = 9;
	port_unmask(ipi.port);
	events_on();
	EXPECT_RC(send(ipi.port), 0);
	EXPECT_RC(mask_inside, 1);
	port_close(ipi.port);
}

CASE(lost_edge, "clearing a mask bit by hand delivers nothing that came before; EVTCHNOP_unmask does")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	watch();
	events_on();
	port_mask(ipi.port);
	EXPECT_RC(send(ipi.port), 0);
	port_unmask_raw(ipi.port);
	xen_version(XENVER_version, NULL);
	EXPECT_RC(hits[ipi.port], 0);
	EXPECT(port_pending(ipi.port));
	EXPECT_RC(port_unmask(ipi.port), 0);	/* not masked: nothing to do, as Xen */
	EXPECT_RC(hits[ipi.port], 0);
	port_mask(ipi.port);
	EXPECT_RC(port_unmask(ipi.port), 0);
	EXPECT_RC(hits[ipi.port], 1);
	port_close(ipi.port);
}

CASE(pending_forever, "a pending port that is sent to again makes no second upcall")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	unsigned long before;

	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	port_mask(ipi.port);
	send(ipi.port);
	port_unmask_raw(ipi.port);
	events_on();
	before = this_cpu()->events;
	EXPECT_RC(send(ipi.port), 0);
	EXPECT_RC(this_cpu()->events, before);
	port_clear(ipi.port);
	EXPECT_RC(send(ipi.port), 0);
	EXPECT_RC(this_cpu()->events, before + 1);
	port_close(ipi.port);
}

CASE(closed_is_clean, "a closed port's pending bit is cleared when the port is given out anew")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 }, again = { .vcpu = 0 };

	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	port_mask(ipi.port);
	send(ipi.port);
	EXPECT(port_pending(ipi.port));
	EXPECT_RC(port_close(ipi.port), 0);
	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &again));
	EXPECT_RC(again.port, ipi.port);
	EXPECT(!port_pending(again.port));
	port_close(again.port);
}

CASE(many, "a thousand ports: all different, all usable, all freed")
{
	static evtchn_port_t p[1000];
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	unsigned n;

	for (n = 0; n < ARRAY_SIZE(p) && !evtchn_op(EVTCHNOP_bind_ipi, &ipi); n++) {
		p[n] = ipi.port;
		if (send(ipi.port) || !port_pending(ipi.port))
			fail_at(__FILE__, __LINE__, "port %u", ipi.port);
		port_clear(ipi.port);
	}
	EXPECT_RC(n, 1000);
	while (n)
		EXPECT_RC(port_close(p[--n]), 0);
}

CASE(pirq, "bind_pirq: numbers that do not exist or are not mapped")
{
	struct evtchn_bind_pirq b = { .pirq = 100000 };

	EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &b));
	if (!is_dom0()) {
		b.pirq = 3;
		EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &b));
		return;
	}
	b.pirq = 3;
	b.flags = BIND_PIRQ__WILL_SHARE;
	EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &b));	/* PHYSDEVOP_map_pirq comes first */
}

CASE(op_errors, "unknown operations, bad pointers, a mode that needs FIFO")
{
	struct evtchn_set_priority p = { .port = 1, .priority = 3 };

	EXPECT_RC(evtchn_op(99, &p), -XEN_ENOSYS);
	for (int cmd = 0; cmd <= 9; cmd++)
		if (cmd != EVTCHNOP_bind_pirq || is_dom0())
			EXPECT_RC(evtchn_op(cmd, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(evtchn_op(EVTCHNOP_status, UNMAPPED_PTR), -XEN_EFAULT);
	EXPECT_RC(evtchn_op(EVTCHNOP_set_priority, &p), -XEN_ENOSYS);
	EXPECT_RC(evtchn_op(EVTCHNOP_expand_array, &p), -XEN_EOPNOTSUPP);
}

CASE(reset, "EVTCHNOP_reset of oneself closes every port; of a domain that is not there: ESRCH")
{
	struct evtchn_reset r = { .dom = 4321 };
	evtchn_port_t a = unbound();
	struct evtchn_status s;

	EXPECT_RC(evtchn_op(EVTCHNOP_reset, &r), -XEN_ESRCH);
	r.dom = DOMID_SELF;
	EXPECT_RC(evtchn_op(EVTCHNOP_reset, &r), 0);
	EXPECT_RC(status(a, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_closed);
	EXPECT_RC(unbound(), 1);
	EXPECT_RC(port_close(1), 0);
}
