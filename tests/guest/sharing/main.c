/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How domains share the CPUs.
 *
 * What could be wrong: a domain gets more or less than its weight or its cap says, or none at all; one runs where it
 * may not; a domain that is paused, moved or destroyed while it is being scheduled is lost or comes back; a CPU is
 * lost on the way between pools. How it is provoked: children that only compute, more of them than CPUs, measured by
 * their own CPU time.
 */
#include "child.h"
#include <xen/sysctl.h>

#define KIDS 6
static struct child kid[KIDS];

static void spin(struct comm *c)
{
	while (!c->arg[0])
		c->res[0]++;
}

static u64 cpu_ns(struct child *c)
{
	struct xen_domctl_getdomaininfo info;

	return child_info(c->id, &info) ? 0 : info.cpu_time;
}

static long set_sched(domid_t id, unsigned weight, unsigned cap)
{
	struct xen_domctl d = { 0 };

	d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	d.u.scheduler_op.u.credit2.weight = weight;
	d.u.scheduler_op.u.credit2.cap = cap;
	return domctl(XEN_DOMCTL_scheduler_op, id, &d);
}

static long pin(domid_t id, unsigned long mask)
{
	struct xen_domctl d = { 0 };
	u64 bits = mask;

	d.u.vcpuaffinity.vcpu = 0;
	d.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	d.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)&bits;
	d.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	return domctl(XEN_DOMCTL_setvcpuaffinity, id, &d);
}

static int runs_on(domid_t id)
{
	struct xen_domctl d = { 0 };

	return domctl(XEN_DOMCTL_getvcpuinfo, id, &d) ? -1 : (int)d.u.getvcpuinfo.cpu;
}

/* dom0 itself off the CPU that is measured. */
static bool begin(unsigned n, unsigned long mask)
{
	for (unsigned i = 0; i < n; i++) {
		if (!child_up(&kid[i], i))
			return false;
		if (pin(kid[i].id, mask)) {
			error_at(__FILE__, __LINE__, "no affinity");
			return false;
		}
		kid[i].comm->arg[0] = 0;
		kid[i].comm->fn = spin;
	}
	return !pin(0, 1);
}

static void end(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		kid[i].comm->arg[0] = 1;
		EXPECT(WAIT_FOR(!kid[i].comm->fn, 10 * SEC));
		EXPECT_RC(child_destroy(&kid[i]), 0);
		EXPECT(child_gone(kid[i].id));
	}
	EXPECT_RC(pin(0, ~0ul), 0);
}

/* dom0 itself sleeps: its own turns must not count among theirs. */
static void sleep_for(u64 ns)
{
	struct sched_poll p = { .nr_ports = 0, .timeout = time_ns() + ns };
	bool on = !vcpu_info()->evtchn_upcall_mask;

	events_off();
	while (time_ns() < p.timeout)
		sched_op(SCHEDOP_poll, &p);
	if (on)
		events_on();
}

/* Nanoseconds that each ran in about ns of time. */
static u64 measure(unsigned n, u64 ns, u64 *ran)
{
	u64 from = time_ns();

	for (unsigned i = 0; i < n; i++)
		ran[i] = cpu_ns(&kid[i]);
	sleep_for(ns);
	for (unsigned i = 0; i < n; i++)
		ran[i] = cpu_ns(&kid[i]) - ran[i];
	return time_ns() - from;
}

/* Is a within percent of b? */
static bool near(u64 a, u64 b, unsigned percent)
{
	u64 diff = a > b ? a - b : b - a;

	return diff * 100 <= b * percent;
}

/*
 * Do the first n share by their parts, within percent? A stall of the machine under one of them counts as its time, and it pays
 * only later: so one good window of three is enough.
 */
static void expect_shares(unsigned running, u64 ns, const u64 *part, unsigned n, unsigned percent)
{
	u64 ran[KIDS];
	bool good = false;

	for (unsigned tries = 0; tries < 3 && !good; tries++) {
		u64 all = 0, parts = 0;

		measure(running, ns, ran);
		for (unsigned i = 0; i < n; i++) {
			all += ran[i];
			parts += part[i];
		}
		good = true;
		for (unsigned i = 0; i < n; i++) {
			if (near(ran[i], all * part[i] / parts, percent))
				continue;
			say("%u: %lu of %lu us", i, (unsigned long)ran[i] / 1000, (unsigned long)all / 1000);
			good = false;
		}
	}
	EXPECT(good);
}

static const u64 even[KIDS] = { 1, 1, 1, 1, 1, 1 };

CASE(equal_weights, "four domains on one CPU get a quarter each")
{
	if (!begin(4, 2))
		return;
	expect_shares(4, 1 * SEC, even, 4, 20);
	end(4);
}

CASE(weights, "weights of 128, 256 and 512 on one CPU give 1/7, 2/7 and 4/7")
{
	static const u64 parts[] = { 1, 2, 4 };

	if (!begin(3, 2))
		return;
	for (int i = 0; i < 3; i++)
		EXPECT_RC(set_sched(kid[i].id, 128u << i, 0), 0);
	expect_shares(3, 2 * SEC, parts, 3, 25);
	end(3);
}

CASE(cap, "a cap of 30 percent holds on a CPU that is free otherwise, and ends with the cap")
{
	u64 ran[KIDS], took;

	if (!begin(1, 2))
		return;
	EXPECT_RC(set_sched(kid[0].id, 256, 30), 0);
	took = measure(1, 2 * SEC, ran);
	if (!EXPECT(near(ran[0], took * 30 / 100, 25)))
		say("%lu of %lu", ran[0], took);
	EXPECT_RC(set_sched(kid[0].id, 256, 0), 0);
	took = measure(1, 500 * MS, ran);
	EXPECT(near(ran[0], took, 15));
	end(1);
}

CASE(three_on_two, "three domains on two CPUs get about two thirds each")
{
	if (!begin(3, 3))
		return;
	EXPECT_RC(pin(0, 3), 0);
	expect_shares(3, 2 * SEC, even, 3, 40);
	end(3);
}

/* Half of the time, in short turns, so that it is seldom among those that want to run when they are counted. */
static void nibble(struct comm *c)
{
	while (!c->arg[0]) {
		struct sched_poll p = { .timeout = time_ns() + MS };

		sched_op(SCHEDOP_poll, &p);
		for (u64 until = time_ns() + MS; time_ns() < until;)
			;
	}
}

CASE(uneven, "four domains share two CPUs evenly, though a fifth has its part of one of them alone")
{
	u64 nibbled;

	if (!begin(5, 3))
		return;
	EXPECT_RC(pin(0, 3), 0);
	kid[4].comm->arg[0] = 1;
	EXPECT(WAIT_FOR(!kid[4].comm->fn, 10 * SEC));
	EXPECT_RC(pin(kid[4].id, 1), 0);
	kid[4].comm->arg[0] = 0;
	kid[4].comm->fn = nibble;
	nibbled = cpu_ns(&kid[4]);
	expect_shares(5, 3 * SEC, even, 4, 20);
	EXPECT(cpu_ns(&kid[4]) - nibbled > 100 * MS);
	end(5);
}

CASE(affinity, "a busy domain goes where its affinity sends it, at once, many times")
{
	struct xen_domctl d = { 0 };
	u64 none = 0, beyond = 1ul << 40;

	if (!begin(1, 2))
		return;
	EXPECT_RC(pin(0, 3), 0);
	for (int i = 0; i < 50; i++) {
		int cpu = i & 1;

		EXPECT_RC(pin(kid[0].id, 1ul << cpu), 0);
		if (!EXPECT(WAIT_FOR(runs_on(kid[0].id) == cpu, 1 * SEC)))
			break;
	}
	d.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	d.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	d.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)&none;
	EXPECT_RC(domctl(XEN_DOMCTL_setvcpuaffinity, kid[0].id, &d), -XEN_EINVAL);
	d.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)&beyond;
	EXPECT_RC(domctl(XEN_DOMCTL_setvcpuaffinity, kid[0].id, &d), -XEN_EINVAL);
	end(1);
}

CASE(pause_storm, "paused and unpaused again and again while it computes and yields: it stands when paused, and goes on after")
{
	struct xen_domctl d = { 0 };
	long seen;

	if (!begin(2, 3))
		return;
	EXPECT_RC(pin(0, 3), 0);
	for (int i = 0; i < 200; i++) {
		struct child *c = &kid[i & 1];

		EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, c->id, &d), 0);
		seen = c->comm->res[0];
		for (int j = 0; j < 100; j++)
			xen_version(XENVER_version, NULL);
		EXPECT_RC(c->comm->res[0], seen);
		EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, c->id, &d), 0);
		if (case_bad())
			break;
	}
	for (int i = 0; i < 2; i++) {
		seen = kid[i].comm->res[0];
		EXPECT(WAIT_FOR(kid[i].comm->res[0] != seen, 2 * SEC));
	}
	end(2);
}

static long pool_op(unsigned op, unsigned id, unsigned cpu, domid_t dom, struct xen_sysctl *s)
{
	static u64 bits;

	memset(s, 0, sizeof(*s));
	s->u.cpupool_op.op = op;
	s->u.cpupool_op.cpupool_id = id;
	s->u.cpupool_op.sched_id = XEN_SCHEDULER_CREDIT2;
	s->u.cpupool_op.cpu = cpu;
	s->u.cpupool_op.domid = dom;
	s->u.cpupool_op.cpumap.bitmap.p = (void *)&bits;
	s->u.cpupool_op.cpumap.nr_bits = 64;
	bits = 0;
	return sysctl_op(XEN_SYSCTL_cpupool_op, s) ?: (long)bits;
}

CASE(pools, "a pool is made, gets the second CPU and a busy domain, gives both back, and goes")
{
	struct xen_sysctl s;
	unsigned id;

	if (!begin(1, 3))
		return;
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_CREATE, 0, 0, 0, &s), -XEN_EEXIST);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_INFO, 77, 0, 0, &s), -XEN_ENOENT);
	REQUIRE_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_CREATE, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0, 0, &s), 0);
	id = s.u.cpupool_op.cpupool_id;
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, id, 0, kid[0].id, &s), -XEN_ENOENT);	/* it has no CPU */
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, id, 1, 0, &s), -XEN_ENODEV);
	EXPECT(WAIT_FOR(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 1, 0, &s) == 0, 2 * SEC));
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0, 0, 0, &s), 2);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 0, 0, &s), -XEN_EBUSY);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, id, 1, 0, &s), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_INFO, id, 0, 0, &s), 2);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, id, 0, kid[0].id, &s), 0);
	EXPECT(WAIT_FOR(runs_on(kid[0].id) == 1, 2 * SEC));
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_DESTROY, id, 0, 0, &s), -XEN_EBUSY);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, id, 1, 0, &s), -XEN_EBUSY);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, kid[0].id, &s), 0);
	EXPECT(WAIT_FOR(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, id, 1, 0, &s) == 0, 2 * SEC));
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_DESTROY, id, 0, 0, &s), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 1, 0, &s), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_INFO, 0, 0, 0, &s), 3);
	end(1);
}

CASE(parameters, "weights and caps are read back as set; other schedulers and vCPU parameters are refused")
{
	struct xen_domctl d = { 0 };

	if (!child_up(&kid[0], 0))
		return;
	EXPECT_RC(set_sched(kid[0].id, 300, 70), 0);
	d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid[0].id, &d), 0);
	EXPECT_RC(d.u.scheduler_op.u.credit2.weight, 300);
	EXPECT_RC(d.u.scheduler_op.u.credit2.cap, 70);
	d.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid[0].id, &d), -XEN_EINVAL);
	d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid[0].id, &d), -XEN_EINVAL);
	EXPECT_RC(child_destroy(&kid[0]), 0);
	EXPECT(child_gone(kid[0].id));
}

#define MANY 60
CASE(many, "sixty domains at once: each gets its turn; all are destroyed and no page is lost")
{
	static domid_t id[MANY];
	static u64 ran[MANY];
	u64 before = free_settled();
	unsigned n, late = MANY;

	for (n = 0; n < MANY; n++) {
		if (!child_up(&kid[0], 0))
			break;
		id[n] = kid[0].id;
		map_page(kid[0].comm, 0);
		kid[0].comm = NULL;
	}
	EXPECT_RC(n, MANY);
	for (unsigned i = 0; i < n; i++) {
		struct child c = { .id = id[i] };

		ran[i] = cpu_ns(&c);
	}
	/* On a busy machine sixty turns may take long. */
	for (int round = 0; round < 30 && late; round++) {
		sleep_for(500 * MS);
		late = 0;
		for (unsigned i = 0; i < n; i++) {
			struct child c = { .id = id[i] };

			late += cpu_ns(&c) == ran[i];
		}
	}
	EXPECT_RC(late, 0);
	for (unsigned i = 0; i < n; i++) {
		struct child c = { .id = id[i] };

		EXPECT_RC(child_destroy(&c), 0);
		EXPECT(child_gone(id[i]));
	}
	/* What was taken for so many at once may be kept for the next: a few pages, not one for each. */
	EXPECT(free_settled() + MANY / 3 >= before);
}

CASE(cycles, "five hundred domains created and destroyed, some of them while they run")
{
	u64 before = 0;

	for (unsigned i = 0; i < 500; i++) {
		if (i == 8)
			before = free_settled();
		NEED(!child_create(&kid[0], 0));
		if (i % 16 == 0) {
			NEED(!child_build(&kid[0]));
			NEED(!child_start(&kid[0]));
		}
		REQUIRE_RC(child_destroy(&kid[0]), 0);
		REQUIRE(child_gone(kid[0].id));
	}
	nothing_lost(before);
}
