/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sched_op.
 *
 * What could be wrong: a vCPU that blocks must wake for whatever came in the moment before, and only for that.
 * How it is provoked: block and poll with events already pending, with none, with masks, with timeouts; several poll at once; wrong
 * arguments.
 * A wrong host: sleeps for ever through a pending event, or never sleeps.
 */
#include "guest.h"

static evtchn_port_t new_ipi(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	return evtchn_op(EVTCHNOP_bind_ipi, &ipi) ? 0 : ipi.port;
}

static long send(evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	return evtchn_op(EVTCHNOP_send, &s);
}

static long poll(evtchn_port_t *ports, unsigned n, u64 timeout)
{
	struct sched_poll p = { .nr_ports = n, .timeout = timeout };

	set_xen_guest_handle(p.ports, ports);
	return sched_op(SCHEDOP_poll, &p);
}

CASE(yield, "yield returns")
{
	for (int i = 0; i < 1000; i++)
		if (sched_op(SCHEDOP_yield, NULL))
			fail_at(__FILE__, __LINE__, "yield %d", i);
}

static unsigned long got;
static void count(evtchn_port_t port)
{
	got++;
}

CASE(block_pending, "block with an event already pending returns at once, upcalls unmasked, the event delivered")
{
	evtchn_port_t p = new_ipi();

	got = 0;
	event_handler = count;
	port_unmask(p);
	EXPECT_RC(send(p), 0);
	EXPECT_RC(got, 0);
	EXPECT_RC(sched_op(SCHEDOP_block, NULL), 0);
	EXPECT_RC(got, 1);
	EXPECT_RC(vcpu_info()->evtchn_upcall_mask, 0);
	port_close(p);
}

CASE(hlt, "the instruction hlt is no way to block: #GP")
{
	evtchn_port_t p = new_ipi();

	got = 0;
	event_handler = count;
	port_unmask(p);
	send(p);
	EXPECT_RC(CATCH(__asm__ volatile("hlt")), X_GP);
	EXPECT_RC(got, 0);
	port_close(p);
}

CASE(poll_pending, "poll returns at once when a polled port is pending, masked or not")
{
	evtchn_port_t p[2] = { new_ipi(), new_ipi() };
	u64 start;

	port_mask(p[0]);
	port_mask(p[1]);
	EXPECT_RC(send(p[1]), 0);
	start = time_ns();
	EXPECT_RC(poll(p, 2, start + 60 * SEC), 0);
	EXPECT(time_ns() - start < 30 * SEC);
	EXPECT(port_pending(p[1]));
	port_close(p[0]);
	port_close(p[1]);
}

CASE(poll_timeout, "poll without an event returns after its time, not before")
{
	evtchn_port_t p = new_ipi();
	u64 end = time_ns() + 30 * MS;

	events_off();
	port_mask(p);
	port_clear(p);
	EXPECT_RC(poll(&p, 1, end), 0);
	EXPECT(time_ns() >= end);
	end = time_ns() + 30 * MS;
	EXPECT_RC(poll(&p, 0, end), 0);
	EXPECT(time_ns() >= end);
	EXPECT_RC(poll(&p, 1, 1), 0);	/* past */
	port_close(p);
}

struct pair {
	evtchn_port_t port;
	volatile unsigned long got;
	volatile bool done;
};
static volatile bool enough;

static void rest(void)
{
	for (;;)
		sched_op(SCHEDOP_block, NULL);
}

static void poller(void *arg)
{
	struct pair *p = arg;

	while (!enough) {
		poll(&p->port, 1, 0);
		if (__atomic_fetch_and(&shared->evtchn_pending[p->port / 64], ~(1ul << p->port % 64), __ATOMIC_SEQ_CST) >>
		    p->port % 64 & 1)
			p->got++;
	}
	rest();
}

/* Sends when the last one was heard; gives up when one is not. */
static void sender(struct pair *p)
{
	for (unsigned long i = 0; i < 20000; i++) {
		u64 end = time_ns() + 20 * SEC;

		send(p->port);
		while (p->got == i)
			if (time_ns() > end)
				goto out;
	}
out:
	p->done = true;
}

static void other_sender(void *arg)
{
	sender(arg);
	rest();
}

CASE(poll_side_by_side, "two vCPUs poll a port each, two send to one each at the same moment: neither poller misses its own")
{
	static struct pair p[2];

	SKIP_IF(vcpu_total() < 4, "%u vCPUs: four are needed", vcpu_total());
	for (int i = 0; i < 2; i++) {
		p[i].port = new_ipi();
		REQUIRE_RC(vcpu_start(1 + i, poller, &p[i]), 0);
	}
	REQUIRE_RC(vcpu_start(3, other_sender, &p[1]), 0);
	sender(&p[0]);
	while (!p[1].done)
		sched_op(SCHEDOP_yield, NULL);
	EXPECT_RC(p[0].got, 20000);
	EXPECT_RC(p[1].got, 20000);
	enough = true;
	send(p[0].port);
	send(p[1].port);
}

CASE(poll_errors, "poll: ports beyond the table, too many, bad pointers; events must be masked")
{
	evtchn_port_t bad[2] = { 0xffffffff, 5000 };

	events_off();
	EXPECT_RC(poll(bad, 1, time_ns() + MS), -XEN_EINVAL);
	EXPECT_RC(poll(bad + 1, 1, time_ns() + MS), -XEN_EINVAL);
	EXPECT_RC(poll(bad, 129, time_ns() + MS), -XEN_EINVAL);
	EXPECT_RC(poll(BAD_PTR, 1, time_ns() + MS), -XEN_EFAULT);
	EXPECT_RC(sched_op(SCHEDOP_poll, BAD_PTR), -XEN_EFAULT);
}

CASE(watchdog, "watchdog: two to arm, each is poked and stopped by its number; no third")
{
	struct sched_watchdog w = { .id = 0, .timeout = 60 }, second = w, third = w;
	long a, b;

	a = sched_op(SCHEDOP_watchdog, &w);
	EXPECT(a == 1 || a == 2);
	b = sched_op(SCHEDOP_watchdog, &second);
	EXPECT((b == 1 || b == 2) && a != b);
	EXPECT_RC((int)sched_op(SCHEDOP_watchdog, &third), -XEN_ENOSPC);	/* Xen's comes as 32 bits, zero-extended */
	w.id = a;
	EXPECT_RC(sched_op(SCHEDOP_watchdog, &w), 0);
	w.timeout = 0;
	EXPECT_RC(sched_op(SCHEDOP_watchdog, &w), 0);
	w.id = b;
	EXPECT_RC(sched_op(SCHEDOP_watchdog, &w), 0);
	EXPECT_RC(sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);	/* not armed */
	w.id = 3;
	EXPECT_RC(sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
	EXPECT_RC(sched_op(SCHEDOP_watchdog, BAD_PTR), -XEN_EFAULT);
}

CASE(errors, "unknown operations; what is dom0's on others")
{
	struct sched_remote_shutdown r = { .domain_id = 4321, .reason = 0 };
	struct sched_pin_override p = { .pcpu = 99999 };	/* no machine has so many */

	EXPECT_RC(sched_op(99, NULL), -XEN_ENOSYS);
	EXPECT_RC(sched_op(SCHEDOP_shutdown, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(sched_op(SCHEDOP_remote_shutdown, &r), -XEN_ESRCH);
	EXPECT_RC(sched_op(SCHEDOP_remote_shutdown, BAD_PTR), -XEN_EFAULT);
	if (is_dom0()) {
		EXPECT_RC(sched_op(SCHEDOP_pin_override, &p), -XEN_EINVAL);
		p.pcpu = 0;
		EXPECT_RC(sched_op(SCHEDOP_pin_override, &p), 0);
		p.pcpu = -1;
		EXPECT_RC(sched_op(SCHEDOP_pin_override, &p), 0);
	} else {
		EXPECT_RC(sched_op(SCHEDOP_pin_override, &p), -XEN_EPERM);
	}
}

CASE(compat, "the old sched_op: yield and block still work by their old number")
{
	evtchn_port_t p = new_ipi();

	EXPECT_RC(HCALL2(__HYPERVISOR_sched_op_compat, SCHEDOP_yield, 0), 0);
	got = 0;
	event_handler = count;
	port_unmask(p);
	send(p);
	EXPECT_RC(HCALL2(__HYPERVISOR_sched_op_compat, SCHEDOP_block, 0), 0);
	EXPECT_RC(got, 1);
	EXPECT_RC(HCALL2(__HYPERVISOR_sched_op_compat, 9, 0), -XEN_ENOSYS);
	port_close(p);
}
