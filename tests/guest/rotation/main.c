/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs are not alike: one has more interrupts than another, or a slow sibling.
 *
 * What could be wrong: loads are even, so nobody moves, and who came to the worse CPU stays there for ever.
 * How it is provoked: four domains of one weight compute on two CPUs, two on each, with nobody else who would disturb it.
 * A wrong host: not each of them comes to run on both.
 */
#include "child.h"

#define KIDS 4
#define THEIRS 6ul	/* CPUs 1 and 2; dom0 has 0 */

static struct child kid[KIDS];

static void spin(struct comm *c)
{
	while (!c->arg[0])
		c->res[0]++;
}

static long pin(domid_t id, u64 mask)
{
	struct xen_domctl d = { .u.vcpuaffinity = { .flags = XEN_VCPUAFFINITY_HARD } };

	d.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)&mask;
	d.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	return domctl(XEN_DOMCTL_setvcpuaffinity, id, &d);
}

static u64 runs_on(domid_t id)
{
	struct xen_domctl d = { 0 };

	return domctl(XEN_DOMCTL_getvcpuinfo, id, &d) ? 0 : 1ul << d.u.getvcpuinfo.cpu;
}

static void pause_for(u64 ns)
{
	struct sched_poll p = { .timeout = time_ns() + ns };

	while (time_ns() < p.timeout)
		sched_op(SCHEDOP_poll, &p);
}

/* Two on each CPU, several times in a row: what has moved to make it even has come to rest. */
static bool settled(void)
{
	u64 on_first = 0;

	for (int look = 0; look < 5; look++, pause_for(20 * MS)) {
		on_first = 0;
		for (unsigned i = 0; i < KIDS; i++)
			on_first += runs_on(kid[i].id) == 2;
		if (on_first != KIDS / 2)
			return false;
	}
	return true;
}

CASE(all_round, "four that compute on two CPUs: each of them runs on both, by turns, though the loads are even")
{
	u64 seen[KIDS] = { 0 }, end;
	unsigned done = 0;

	EXPECT_RC(pin(0, 1), 0);
	for (unsigned i = 0; i < KIDS; i++) {
		NEED(child_up(&kid[i], i));
		NEED(!pin(kid[i].id, THEIRS));
		kid[i].comm->fn = spin;
	}
	EXPECT(WAIT_FOR(settled(), 20 * SEC));
	for (end = time_ns() + 60 * SEC; time_ns() < end && done < KIDS; pause_for(10 * MS)) {
		done = 0;
		for (unsigned i = 0; i < KIDS; i++) {
			seen[i] |= runs_on(kid[i].id);
			done += seen[i] == THEIRS;
		}
	}
	EXPECT_RC(done, KIDS);
	for (unsigned i = 0; i < KIDS; i++) {
		EXPECT_RC(child_destroy(&kid[i]), 0);
		EXPECT(child_gone(kid[i].id));
	}
	EXPECT_RC(pin(0, ~0ul), 0);
}
