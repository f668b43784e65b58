/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two vCPUs that wait for each other.
 *
 * What could be wrong: a CPU that idles only for moments is put to sleep and woken by an interrupt each time; or it looks for work
 * and misses some.
 * How it is provoked: two vCPUs, each on a CPU of its own, answer each other and sleep in between. idle_poll is so long that
 * the CPU looks until the answer comes, however slow the machine is.
 * A wrong host: interrupts a CPU for each event, or stops.
 */
#include "child.h"

#define ROUNDS 2000
#define TRIES 20

static evtchn_port_t port[2];
static volatile unsigned long answered;

static void wait_for(evtchn_port_t p)
{
	struct sched_poll s = { .nr_ports = 1 };

	set_xen_guest_handle(s.ports, &p);
	while (!port_pending(p))
		sched_op(SCHEDOP_poll, &s);
	port_clear(p);
}

static void tell(evtchn_port_t p)
{
	struct evtchn_send s = { .port = p };

	evtchn_op(EVTCHNOP_send, &s);
}

static void answer(void *arg)
{
	for (;;) {
		wait_for(port[1]);
		answered++;
		tell(port[0]);
	}
}

static evtchn_port_t new_ipi(unsigned vcpu)
{
	struct evtchn_bind_ipi ipi = { .vcpu = vcpu };

	return evtchn_op(EVTCHNOP_bind_ipi, &ipi) ? 0 : ipi.port;
}

/* How often CPUs were woken by an interrupt of another. */
static u64 woken(void) { return perf_count("wake-ups", -1); }

CASE(no_interrupts, "two vCPUs answer each other thousands of times: each answer comes, and few are told by an interrupt")
{
	u64 before = woken(), fewest = ~0ul;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	SKIP_IF(before == ~0ul, "the host does not count");
	for (unsigned i = 0; i < 2; i++)
		port[i] = new_ipi(i);
	NEED(port[0] && port[1]);
	events_off();
	REQUIRE_RC(vcpu_start(1, answer, NULL), 0);
	/*
	 * Not none: who falls asleep just then does not look yet, and on a busy machine that may take long: then it is tried again.
	 * Without looking there are more than one a round.
	 */
	for (unsigned try = 0; try < TRIES && fewest >= ROUNDS / 2; try++) {
		u64 at = woken(), n;

		for (unsigned i = 0; i < ROUNDS; i++) {
			tell(port[1]);
			wait_for(port[0]);
		}
		EXPECT_RC(answered, ROUNDS * (try + 1));
		n = woken() - at;
		fewest = n < fewest ? n : fewest;
	}
	EXPECT(fewest < ROUNDS / 2);
	vcpu_op(VCPUOP_down, 1, NULL);
	for (unsigned i = 0; i < 2; i++)
		port_close(port[i]);
}
