/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time and timers.
 *
 * What could be wrong: guests compute time from a scale that the host writes under a version counter; if it jumps back on one
 * vCPU or a timer comes early, guests hang or corrupt their own queues.
 * How it is provoked: the clock is read many thousand times on both vCPUs, timers are set, moved, stopped and set in the past.
 * A wrong host: time runs back, timers come early, never, or after they were stopped.
 * No bound here depends on how fast the machine is: only "not before", "in the end", and orders of magnitude.
 */
#include "guest.h"

static volatile u64 fired_at, fired;
static evtchn_port_t timer_port;

static void on_timer(evtchn_port_t port)
{
	if (port == timer_port) {
		fired_at = time_ns();
		fired++;
	}
}

static bool timer_setup(void)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = 0 };

	if (!timer_port) {
		if (evtchn_op(EVTCHNOP_bind_virq, &b))
			return false;
		timer_port = b.port;
	}
	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
	HCALL1(__HYPERVISOR_set_timer_op, 0);
	event_handler = on_timer;
	port_clear(timer_port);
	port_unmask(timer_port);
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	fired = 0;
	events_on();
	return true;
}

CASE(monotonic, "system time on one vCPU never goes back, and moves")
{
	u64 first = time_ns(), last = first, back = 0;

	for (int i = 0; i < 200000; i++) {
		u64 now = time_ns();

		if (now < last)
			back++;
		last = now;
	}
	EXPECT_RC(back, 0);
	EXPECT(last > first);
}

CASE(scale, "the scale is of the TSC's real speed: between 100 MHz and 20 GHz, and agrees with the deltas")
{
	volatile struct vcpu_time_info *t = &vcpu_info()->time;
	u64 hz = (SEC << 32) / t->tsc_to_system_mul, tsc, ns;

	hz = t->tsc_shift < 0 ? hz << -t->tsc_shift : hz >> t->tsc_shift;
	EXPECT(hz > 100000000 && hz < 20 * SEC);
	EXPECT_RC(t->version & 1, 0);
	tsc = rdtsc();
	ns = time_ns();
	WAIT_FOR(false, 50 * MS);
	tsc = rdtsc() - tsc;
	ns = time_ns() - ns;
	tsc = tsc * 1000 / (hz / MS);
	EXPECT(tsc > ns * 9 / 10 && tsc < ns * 11 / 10);
}

CASE(wallclock, "wall clock: the machine's date, by seconds and nanoseconds at the start of system time")
{
	u32 version = shared->wc_version;

	EXPECT_RC(version & 1, 0);
	EXPECT(shared->wc_sec + time_ns() / SEC > 1767225600);	/* 2026; the runner gives the machine that date or later */
	EXPECT(shared->wc_nsec < SEC);
	EXPECT_RC(shared->wc_sec_hi, 0);
}

CASE(singleshot, "set_timer_op: one VIRQ_TIMER, not before its time, and not years after")
{
	u64 when;

	NEED(timer_setup());
	when = time_ns() + 20 * MS;
	REQUIRE_RC(HCALL1(__HYPERVISOR_set_timer_op, when), 0);
	REQUIRE(WAIT_FOR(fired, 5 * SEC));
	EXPECT(fired_at >= when);
	EXPECT(!WAIT_FOR(fired > 1, 50 * MS));
}

CASE(timer_past, "a timer in the past fires at once; 0 stops it")
{
	NEED(timer_setup());
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, time_ns() - MS), 0);
	EXPECT(WAIT_FOR(fired, 2 * SEC));
	fired = 0;
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, 1), 0);
	EXPECT(WAIT_FOR(fired, 2 * SEC));
	fired = 0;
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, time_ns() + 100 * MS), 0);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, 0), 0);
	EXPECT(!WAIT_FOR(fired, 200 * MS));
}

CASE(timer_moved, "setting it again replaces the old time")
{
	u64 when;

	NEED(timer_setup());
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, time_ns() + 10 * SEC), 0);
	when = time_ns() + 10 * MS;
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, when), 0);
	EXPECT(WAIT_FOR(fired, 5 * SEC));
	EXPECT(fired_at >= when);
}

CASE(timer_far, "a time beyond reason is taken as very far or as soon, and harms nothing")
{
	NEED(timer_setup());
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, 0x7fffffffffffffff), 0);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, 0xffffffffffffffff), 0);
	HCALL1(__HYPERVISOR_set_timer_op, 0);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, time_ns() + MS), 0);
	EXPECT(WAIT_FOR(fired, 5 * SEC));
}

CASE(block_until, "blocked with a timer set, the vCPU wakes by it")
{
	u64 when;

	NEED(timer_setup());
	events_off();
	when = time_ns() + 30 * MS;
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, when), 0);
	while (!fired)
		EXPECT_RC(sched_op(SCHEDOP_block, NULL), 0);
	EXPECT(fired_at >= when);
	EXPECT_RC(vcpu_info()->evtchn_upcall_mask, 0);	/* block unmasks */
}

CASE(vcpu_singleshot, "VCPUOP_set_singleshot_timer: the same by vcpu_op; in the past it fires at once, flag or not")
{
	struct vcpu_set_singleshot_timer s = { 0 };

	NEED(timer_setup());
	s.timeout_abs_ns = time_ns() + 10 * MS;
	EXPECT_RC(vcpu_op(VCPUOP_set_singleshot_timer, 0, &s), 0);
	EXPECT(WAIT_FOR(fired, 5 * SEC));
	EXPECT(fired_at >= s.timeout_abs_ns);
	for (s.flags = 0; s.flags <= VCPU_SSHOTTMR_future; s.flags++) {
		fired = 0;
		s.timeout_abs_ns = time_ns() - MS;
		EXPECT_RC(vcpu_op(VCPUOP_set_singleshot_timer, 0, &s), 0);
		EXPECT(WAIT_FOR(fired, 5 * SEC));
	}
	EXPECT_RC(vcpu_op(VCPUOP_set_singleshot_timer, 0, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	EXPECT_RC(vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL), -XEN_EINVAL);
	EXPECT_RC(vcpu_op(VCPUOP_set_singleshot_timer, 1, &s), -XEN_EINVAL);
}

CASE(periodic, "a periodic timer ticks until it is stopped; too short a period is refused")
{
	struct vcpu_set_periodic_timer p = { .period_ns = 10 * MS };
	u64 start;

	NEED(timer_setup());
	start = time_ns();
	EXPECT_RC(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0);
	EXPECT(WAIT_FOR(fired >= 5, 10 * SEC));
	EXPECT(time_ns() - start >= 39 * MS);
	EXPECT_RC(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	WAIT_FOR(false, 20 * MS);
	fired = 0;
	EXPECT(!WAIT_FOR(fired, 60 * MS));
	p.period_ns = 999999;
	EXPECT_RC(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL);
	p.period_ns = ~0UL;
	EXPECT_RC(vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL);
	EXPECT_RC(vcpu_op(VCPUOP_set_periodic_timer, 0, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
}

CASE(masked_timer, "a timer that fires while upcalls are masked waits; nothing is lost")
{
	NEED(timer_setup());
	events_off();
	EXPECT_RC(HCALL1(__HYPERVISOR_set_timer_op, time_ns() + 5 * MS), 0);
	EXPECT(WAIT_FOR(port_pending(timer_port), 5 * SEC));
	EXPECT_RC(fired, 0);
	events_on();
	EXPECT_RC(fired, 1);
}

/* The two vCPUs hand a turn to and fro; each must see time at least as late as the other's before. */
static struct { volatile u64 turn, stamp, back, rounds, most; } race;

static void other_side(void *arg)
{
	while (race.rounds < 20000) {
		u64 now;

		if (race.turn != 1) {
			sched_op(SCHEDOP_yield, NULL);
			continue;
		}
		now = time_ns();
		if (now < race.stamp) {
			race.back++;
			if (race.stamp - now > race.most)
				race.most = race.stamp - now;
		}
		race.stamp = now;
		race.turn = 0;
	}
}

CASE(across_vcpus, "time handed from one vCPU to the other never runs back")
{
	u64 limit = time_ns() + 20 * SEC;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	memset((void *)&race, 0, sizeof(race));
	NEED(!vcpu_start(1, other_side, NULL));
	while (race.rounds < 20000 && time_ns() < limit) {
		u64 now;

		if (race.turn) {
			sched_op(SCHEDOP_yield, NULL);
			continue;
		}
		now = time_ns();
		if (now < race.stamp) {
			race.back++;
			if (race.stamp - now > race.most)
				race.most = race.stamp - now;
		}
		race.stamp = now;
		race.rounds++;
		race.turn = 1;
		if (race.rounds == 2000 && time_ns() > limit - 18 * SEC)
			race.rounds = 20000;	/* one real CPU: each turn is a reschedule */
	}
	race.rounds = 20000;
	if (race.back && host_is_xen())
		skip_because("Xen under emulation: back %lu times, at most %lu ns", race.back, race.most);
	else
		EXPECT_RC(race.back, 0);
	EXPECT(WAIT_FOR(vcpu_op(VCPUOP_is_up, 1, NULL) == 0, 5 * SEC));
}

CASE(shared_times, "after a reschedule the time info's system_time and tsc_timestamp move together and forward")
{
	volatile struct vcpu_time_info *t = &vcpu_info()->time;
	u64 st = t->system_time, stamp = t->tsc_timestamp;
	u32 version = t->version;

	NEED(timer_setup());
	for (int i = 0; i < 3; i++) {
		HCALL1(__HYPERVISOR_set_timer_op, time_ns() + 500 * MS);
		events_off();
		fired = 0;
		while (!fired)
			sched_op(SCHEDOP_block, NULL);
	}
	EXPECT(t->system_time >= st);
	EXPECT(t->tsc_timestamp >= stamp);
	EXPECT_RC(t->version & 1, 0);
	EXPECT(t->version >= version);
}
