/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one guest can do to another that runs on another CPU.
 *
 * What could be wrong: something that a guest may ask for without end interrupts all CPUs each time, to flush their TLBs or to look
 * at something: who computes there pays for it.
 * How it is provoked: a victim computes alone on a CPU and asks for nothing, an attacker on another does one thing thousands of
 * times. The measure is how often the victim's CPU was interrupted by another for each time that the attacker did it, as the host
 * counts it: no clock is in it, so that the machine's speed and load do not matter.
 * A wrong host: interrupts it each time, or every few times. One in sixteen costs the victim a tenth at worst: to be interrupted
 * takes about a thousand instructions, and what the attacker does at least as many.
 */
#include "child.h"

#define TIMES 1000
#define MANY 8000	/* more than there are free frames, so that none is left that was clean from the start */
#define ATTACKERS_CPU 1
#define VICTIMS_CPU 2

static struct child victim, attacker;
typedef void once_fn(struct comm *c, void *page[8], u64 i);

/*
 * In the children: arg[0] ends it, [1] first of the extra pages, [2] a port to dom0, [3] to the victim, [4] its own id,
 * [5] once_fn, [6] times.
 */
static void compute(struct comm *c)
{
	while (!c->arg[0])
		c->res[1]++;
}

static void attack(struct comm *c)
{
	once_fn *once = (once_fn *)c->arg[5];
	void *page[8];

	for (int i = 0; i < 8; i++)
		page[i] = (void *)(c->arg[1] + i * PAGE_SIZE);
	for (c->res[0] = 0; c->res[0] < c->arg[6]; c->res[0]++)
		once(c, page, c->res[0]);
}

/* ---- what is done, once ---- */

static void one_frame(struct comm *c, void *page[8], u64 i)
{
	xen_pfn_t frame;
	struct xen_memory_reservation r = { .domid = DOMID_SELF, .nr_extents = 1 };

	set_xen_guest_handle(r.extent_start, &frame);
	if (memory_op(XENMEM_increase_reservation, &r) == 1)
		c->res[2] += memory_op(XENMEM_decrease_reservation, &r);
}

/* Some are always held, so that none comes back at once. */
static void frames_by_turns(struct comm *c, void *page[8], u64 i)
{
	static xen_pfn_t held[300];
	struct xen_memory_reservation r = { .domid = DOMID_SELF, .nr_extents = 1 };
	xen_pfn_t *frame = &held[i * 7 % ARRAY_SIZE(held)];

	set_xen_guest_handle(r.extent_start, frame);
	if (*frame)
		c->res[2] += memory_op(XENMEM_decrease_reservation, &r);
	if (memory_op(XENMEM_increase_reservation, &r) != 1)
		*frame = 0;
}

static void exchange(struct comm *c, void *page[8], u64 i)
{
	static xen_pfn_t mine;
	xen_pfn_t got;
	struct xen_memory_reservation r = { .domid = DOMID_SELF, .nr_extents = 1 };
	struct xen_memory_exchange e = { .in = { .nr_extents = 1, .domid = DOMID_SELF },
					 .out = { .nr_extents = 1, .domid = DOMID_SELF } };

	if (!mine) {
		set_xen_guest_handle(r.extent_start, &mine);
		memory_op(XENMEM_increase_reservation, &r);
	}
	got = pfn_of(page[0]);
	set_xen_guest_handle(e.in.extent_start, &mine);
	set_xen_guest_handle(e.out.extent_start, &got);
	c->res[2] += !memory_op(XENMEM_exchange, &e);
	mine = got;
}

static void port(struct comm *c, void *page[8], u64 i)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_close x;

	c->res[2] += !evtchn_op(EVTCHNOP_alloc_unbound, &a);
	x.port = a.port;
	evtchn_op(EVTCHNOP_close, &x);
}

static void all_ports(struct comm *c, void *page[8], u64 i)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	if (i % 200)
		port(c, page, i);
	else
		evtchn_op(EVTCHNOP_reset, &r);
}

static void events(struct comm *c, void *page[8], u64 i)
{
	struct evtchn_send s = { .port = c->arg[2 + i % 2] };

	c->res[2] += !evtchn_op(EVTCHNOP_send, &s);
}

static void grant(struct comm *c, void *page[8], u64 i)
{
	struct gnttab_setup_table t = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct gnttab_map_grant_ref m = { .host_addr = (u64)page[1], .ref = 8, .dom = c->arg[4], .flags = GNTMAP_host_map };
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)page[1] };
	xen_pfn_t frame = 0;

	if (!i) {
		set_xen_guest_handle(t.frame_list, &frame);
		grant_op(GNTTABOP_setup_table, &t, 1);
		map_page(page[7], frame << PAGE_SHIFT | PTE_RW);
		((grant_entry_v1_t *)page[7])[8] = (grant_entry_v1_t){ GTF_permit_access, c->arg[4], mfn_of(page[0]) };
		map_page(page[1], 0);
	}
	grant_op(GNTTABOP_map_grant_ref, &m, 1);
	u.handle = m.handle;
	c->res[2] += !m.status;
	grant_op(GNTTABOP_unmap_grant_ref, &u, 1);
}

/* A page is a table and is none, and another is read-only and is not: with every kind of flush that may be asked for. */
static void tables(struct comm *c, void *page[8], u64 i)
{
	u64 pte = mfn_of(page[2]) << PAGE_SHIFT;

	page_ro(page[3]);
	c->res[2] += !ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(page[3]), 0);
	ext_op(MMUEXT_UNPIN_TABLE, mfn_of(page[3]), 0);
	page_rw(page[3]);
	update_va(page[2], pte | PTE_RO, UVMF_TLB_FLUSH | UVMF_ALL);
	update_va(page[2], pte | PTE_RW, UVMF_INVLPG | UVMF_ALL);
	ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0);
	ext_op(MMUEXT_INVLPG_ALL, (u64)page[2], 0);
	ext_op(MMUEXT_FLUSH_CACHE, 0, 0);
}

static void timers(struct comm *c, void *page[8], u64 i)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = 1 };
	struct sched_poll p = { .timeout = time_ns() + 2000 };

	c->res[2] += !vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
	sched_op(SCHEDOP_poll, &p);
	sched_op(SCHEDOP_yield, NULL);
}

static void descriptors(struct comm *c, void *page[8], u64 i)
{
	u64 frame = mfn_of(page[4]);

	page_ro(page[4]);
	c->res[2] += !HCALL2(__HYPERVISOR_set_gdt, &frame, 8);
	HCALL2(__HYPERVISOR_set_gdt, NULL, 0);
	ext_op(MMUEXT_SET_LDT, (u64)page[4], 16);
	ext_op(MMUEXT_SET_LDT, 0, 0);
	page_rw(page[4]);
}

/* ---- in dom0 ---- */

static u64 interrupted(unsigned cpu) { return perf_count("another CPU", cpu); }

static bool raise(struct child *k, unsigned slot, unsigned cpu)
{
	struct xen_domctl d = { 0 };
	u8 map = 1 << cpu;

	if (!child_up(k, slot))
		return false;
	d.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	d.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
	set_xen_guest_handle(d.u.vcpuaffinity.cpumap_hard.bitmap, &map);
	k->comm->arg[1] = (u64)child_va(k->extra);
	k->comm->arg[4] = k->id;
	return !domctl(XEN_DOMCTL_setvcpuaffinity, k->id, &d);
}

static long port_to(domid_t id)
{
	struct evtchn_alloc_unbound a = { .dom = attacker.id, .remote_dom = id };

	return evtchn_op(EVTCHNOP_alloc_unbound, &a) ? 0 : a.port;
}

static void bind_in_victim(struct comm *c)
{
	struct evtchn_bind_interdomain b = { .remote_dom = c->arg[8], .remote_port = c->arg[7] };

	c->res[2] = evtchn_op(EVTCHNOP_bind_interdomain, &b);
}

static bool connect(void)
{
	struct evtchn_bind_interdomain b = { .remote_dom = attacker.id };

	b.remote_port = attacker.comm->arg[2] = port_to(0);
	attacker.comm->arg[3] = victim.comm->arg[7] = port_to(victim.id);
	victim.comm->arg[8] = attacker.id;
	if (evtchn_op(EVTCHNOP_bind_interdomain, &b) || !child_run(&victim, bind_in_victim))
		return false;
	port_mask(b.local_port);
	return !victim.comm->res[2];
}

/* Without a sleep: no CPU idles and makes freed frames clean meanwhile. */
static void storm(once_fn *once, u64 times, u64 counted)
{
	u64 before, units, done, end = time_ns() + 400 * SEC;

	EXPECT(interrupted(VICTIMS_CPU) > counted);	/* when it was woken there */
	victim.comm->fn = compute;
	attacker.comm->arg[5] = (long)once;
	attacker.comm->arg[6] = times;
	EXPECT(WAIT_FOR(victim.comm->res[1], 10 * SEC));
	before = interrupted(VICTIMS_CPU);
	units = victim.comm->res[1];
	attacker.comm->fn = attack;
	while (attacker.comm->fn && time_ns() < end)
		__builtin_ia32_pause();
	done = attacker.comm->res[0];
	/* A busy machine may not have let the victim's CPU run meanwhile: what waits there is counted when it does. */
	EXPECT(WAIT_FOR(victim.comm->res[1] > (long)units, 100 * SEC));
	before = interrupted(VICTIMS_CPU) - before;
	say("done %lu times, of them %lu with success: the victim's CPU was interrupted %lu times", done, attacker.comm->res[2],
	    before);
	EXPECT(done == times && attacker.comm->res[2] > (long)times / 2);
	EXPECT(before <= times / 16);
	victim.comm->arg[0] = 1;
	EXPECT(WAIT_FOR(!victim.comm->fn, 10 * SEC));
}

static void storm_case(once_fn *once, u64 times)
{
	u64 before = free_settled(), counted = interrupted(VICTIMS_CPU);

	SKIP_IF(counted == ~0ul, "the host does not count");
	if (raise(&victim, 0, VICTIMS_CPU) && raise(&attacker, 1, ATTACKERS_CPU) && connect())
		storm(once, times, counted);
	else
		error_at(__FILE__, __LINE__, "the two domains could not be set up");
	for (struct child **k = (struct child *[]){ &victim, &attacker, NULL }; *k; k++)
		if ((*k)->id) {
			EXPECT_RC(child_destroy(*k), 0);
			EXPECT(child_gone((*k)->id));
			(*k)->id = 0;
		}
	nothing_lost_but(before, 64);
}

#define STORM(fn, times, story) CASE(fn, story) { storm_case(fn, times); }
STORM(one_frame, MANY, "a frame is taken and given back")
STORM(frames_by_turns, MANY, "three hundred frames are taken and given back by turns")
STORM(exchange, MANY, "a frame is exchanged for another")
STORM(port, TIMES, "a port is made and closed")
STORM(all_ports, TIMES, "ports are made and closed, and all at once")
STORM(events, TIMES, "an event is sent to the victim, and to dom0")
STORM(grant, TIMES, "a grant is mapped and unmapped")
STORM(tables, TIMES, "a page becomes a table, and TLBs and caches are flushed in every way")
STORM(timers, TIMES, "a timer in the past, a short sleep, a yield")
STORM(descriptors, TIMES, "a GDT and an LDT are set and taken away")
