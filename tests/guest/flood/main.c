/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one guest can do to another's speed.
 *
 * What could be wrong: the host works for a flooding guest in the time of others, wakes it before them, does not cut what it
 * asks for, or waits for it under a lock that others need.
 * How it is provoked: a victim counts the work that it gets done while another domain floods: on the same CPU with the same
 * weight. The measure is the victim's work beside the same domain that only computes: what is lost beyond a tenth is the flood's
 * doing. One CPU, and time counted in instructions (QEMU's -icount), so that the machine's speed and load do not matter.
 * A wrong host: the victim gets less done, or not all is free again after.
 */
#include "child.h"
#include <xen/sysctl.h>

#define WINDOW (100 * MS)
#define ROUNDS 2
#define LOCK_MAX 1500u	/* instructions for which what all domains use may be locked */
#define OWN_LOCK_MAX 30000u	/* and what is one domain's, and of those that share channels or grants with it */

static struct child victim, other;
typedef void flood_fn(struct comm *c);

/*
 * In the children: arg[0] ends it, [1] first of the extra pages, [2] a port to dom0, [3] a port to the victim, [4] its own id,
 * [5] pfn of [1], [6] the victim's port.
 */
static void *extra(struct comm *c, unsigned i)
{
	return (void *)(c->arg[1] + i * PAGE_SIZE);
}

/* ---- the victim: some of everything that a kernel does ---- */

static void work(struct comm *c)
{
	u64 *page = extra(c, 0), sum = 1;

	while (!c->arg[0]) {
		for (int i = 0; i < 4096; i++)
			sum = sum * 6364136223846793005 + page[i & 511];
		page[0] = sum;
		xen_version(XENVER_version, NULL);
		page_ro(extra(c, 1));
		page_rw(extra(c, 1));
		if (c->arg[6])
			port_clear(c->arg[6]);
		c->res[0]++;
	}
}

static void harmless(struct comm *c)
{
	while (!c->arg[0])
		c->res[1]++;
}

/* ---- the floods ---- */

static void hypercalls(struct comm *c)
{
	while (!c->arg[0]) {
		xen_version(XENVER_version, NULL);
		hypercall(__HYPERVISOR_domctl, 0, 0, 0, 0, 0);
		hypercall(60, 0, 0, 0, 0, 0);
	}
}

/* Two thousand updates in one call, and a thousand calls in one. */
static void long_hypercalls(struct comm *c)
{
	struct mmu_update *u = extra(c, 0);
	struct multicall_entry *m = extra(c, 0);
	u64 mfn = mfn_of(extra(c, 0)), pfn = pfn_of(extra(c, 0));

	while (!c->arg[0]) {
		for (int i = 0; i < 2000; i++)
			u[i] = (struct mmu_update){ mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn };
		mmu_update(u, 2000, NULL, DOMID_SELF);
		memset(m, 0, 400 * sizeof(*m));
		for (int i = 0; i < 400; i++)
			m[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
		HCALL2(__HYPERVISOR_multicall, m, 400);
	}
}

/* To its limit and back. */
static void memory(struct comm *c)
{
	struct xen_memory_reservation r = { .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)extra(c, 0));
	while (!c->arg[0]) {
		r.nr_extents = 1000;
		r.nr_extents = memory_op(XENMEM_increase_reservation, &r);
		memory_op(XENMEM_decrease_reservation, &r);
	}
}

static void events(struct comm *c)
{
	struct evtchn_send to_dom0 = { .port = c->arg[2] }, to_victim = { .port = c->arg[3] };

	while (!c->arg[0]) {
		evtchn_op(EVTCHNOP_send, &to_dom0);
		evtchn_op(EVTCHNOP_send, &to_victim);
	}
}

/* All that it may have, and closed at once. */
static void ports(struct comm *c)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_reset r = { .dom = DOMID_SELF };

	while (!c->arg[0]) {
		while (!c->arg[0] && !evtchn_op(EVTCHNOP_alloc_unbound, &a))
			;
		evtchn_op(EVTCHNOP_reset, &r);
	}
}

static bool own_grants(struct comm *c, unsigned page)
{
	struct gnttab_setup_table t = { .dom = DOMID_SELF, .nr_frames = 1 };
	grant_entry_v1_t *gt = extra(c, page);
	xen_pfn_t frame = 0;

	set_xen_guest_handle(t.frame_list, &frame);
	if (grant_op(GNTTABOP_setup_table, &t, 1) || t.status || map_page(gt, frame << PAGE_SHIFT | PTE_RW))
		return false;
	for (unsigned i = 8; i < 40; i++)
		gt[i] = (grant_entry_v1_t){ .flags = GTF_permit_access, .domid = c->arg[4], .frame = mfn_of(extra(c, 0)) };
	return true;
}

/* Maps the same page until there is no handle left, unmaps all; and copies whole pages, many in a call. */
static void grants(struct comm *c)
{
	struct gnttab_map_grant_ref *m = extra(c, 2);
	struct gnttab_unmap_grant_ref *u = extra(c, 3);
	struct gnttab_copy *p = extra(c, 4);

	if (!own_grants(c, 7))
		return;
	while (!c->arg[0]) {
		for (int i = 0; i < 32; i++)
			m[i] = (struct gnttab_map_grant_ref){ .host_addr = (u64)extra(c, 1), .ref = 8 + i, .dom = c->arg[4],
				.flags = i % 8 ? GNTMAP_device_map : GNTMAP_host_map | GNTMAP_readonly };
		grant_op(GNTTABOP_map_grant_ref, m, 32);
		for (int i = 0; i < 32; i++)
			u[i] = (struct gnttab_unmap_grant_ref){ .handle = m[i].handle,
				.dev_bus_addr = i % 8 ? m[i].dev_bus_addr : 0,
				.host_addr = i % 8 ? 0 : m[i].host_addr };
		grant_op(GNTTABOP_unmap_grant_ref, u, 32);
		for (int i = 0; i < 60; i++)
			p[i] = (struct gnttab_copy){ .source.u.ref = 8 + i % 32, .source.domid = c->arg[4],
				.dest.domid = DOMID_SELF, .dest.u.gmfn = mfn_of(extra(c, 5)),
				.len = PAGE_SIZE, .flags = GNTCOPY_source_gref };
		grant_op(GNTTABOP_copy, p, 60);
	}
}

/* A full L1, an L2 full of it, pinned and unpinned. */
static void pins(struct comm *c)
{
	u64 *l1 = extra(c, 6), *l2 = extra(c, 7);

	for (int i = 0; i < 512; i++) {
		l1[i] = mfn_of(extra(c, i % 6)) << PAGE_SHIFT | PTE_RO;
		l2[i] = mfn_of(l1) << PAGE_SHIFT | PTE_RW;
	}
	if (page_ro(l1) || page_ro(l2))
		return;
	while (!c->arg[0]) {
		ext_op(MMUEXT_PIN_L2_TABLE, mfn_of(l2), 0);
		ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l2), 0);
		ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0);
	}
	page_rw(l1);
	page_rw(l2);
}

/* Faults of every kind, and stores to a page table that the host emulates. */
static void faults(struct comm *c)
{
	u64 *e = pte_va(extra(c, 3), 1);

	while (!c->arg[0]) {
		(void)CATCH(__asm__ volatile("ud2"));
		(void)CATCH(READ_ONCE(*(u64 *)UNMAPPED_PTR));
		(void)CATCH(__asm__ volatile("hlt"));
		(void)CATCH(*e = mfn_of(extra(c, 3)) << PAGE_SHIFT | PTE_RW);
		(void)CATCH(*e = 0xfff);
	}
}

/* Timers in the past and near, short sleeps, wake-ups: to be woken before others, and to work in their time. */
static void timers(struct comm *c)
{
	struct vcpu_set_singleshot_timer t = { 0 };
	struct vcpu_set_periodic_timer every = { .period_ns = 1 };

	vcpu_op(VCPUOP_set_periodic_timer, 0, &every);
	every.period_ns = MS;
	vcpu_op(VCPUOP_set_periodic_timer, 0, &every);
	while (!c->arg[0]) {
		struct sched_poll p = { .timeout = time_ns() + 5000 };

		t.timeout_abs_ns = 1;
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
		t.timeout_abs_ns = time_ns() + 3000;
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
		sched_op(SCHEDOP_poll, &p);
		c->res[1]++;
	}
	vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
}

/* Runs for all but the end of each turn, then sleeps for a moment: to be owed the CPU. */
static void naps(struct comm *c)
{
	while (!c->arg[0]) {
		struct sched_poll p = { .timeout = 0 };
		u64 end = time_ns() + 900000;

		while (time_ns() < end)
			;
		p.timeout = time_ns() + 20000;
		sched_op(SCHEDOP_poll, &p);
	}
}

static void yields(struct comm *c)
{
	while (!c->arg[0])
		sched_op(SCHEDOP_yield, NULL);
}

/* FIFO queues whose words and heads it scribbles on, while it sends to itself. */
static void scribbles(struct comm *c)
{
	struct evtchn_init_control ic = { .control_gfn = mfn_of(extra(c, 6)) };
	struct evtchn_expand_array e = { .array_gfn = mfn_of(extra(c, 7)) };
	struct evtchn_reset r = { .dom = DOMID_SELF };
	u32 *control = extra(c, 6), *word = extra(c, 7);
	u64 s = 88172645463325252;

	evtchn_op(EVTCHNOP_init_control, &ic);
	evtchn_op(EVTCHNOP_expand_array, &e);
	while (!c->arg[0]) {
		struct evtchn_bind_ipi b = { .vcpu = 0 };

		if (!evtchn_op(EVTCHNOP_bind_ipi, &b) && b.port < 1024) {
			for (int i = 0; i < 50; i++) {
				struct evtchn_send to = { .port = 1 + s % b.port };

				s ^= s << 13;
				s ^= s >> 7;
				s ^= s << 17;
				word[s % (b.port + 1)] = s >> 32;
				control[s >> 20 & 31] = s >> 40;
				evtchn_op(EVTCHNOP_send, &to);
			}
		} else {
			break;
		}
	}
	evtchn_op(EVTCHNOP_reset, &r);
}

static void console(struct comm *c)
{
	static const char text[] = "a guest that has much to say says it to the hypervisor's own console, line after line\n";

	while (!c->arg[0])
		HCALL3(__HYPERVISOR_console_io, 0, sizeof(text) - 1, text);
}

/* ---- in dom0 ---- */

static u64 ran(const struct child *c)
{
	struct xen_domctl_getdomaininfo info;

	return child_info(c->id, &info) ? 0 : info.cpu_time;
}

static void sleep_for(u64 ns)
{
	struct sched_poll p = { .timeout = time_ns() + ns };

	while (time_ns() < p.timeout)
		sched_op(SCHEDOP_poll, &p);
}

static bool raise(struct child *k, unsigned slot)
{
	if (!child_up(k, slot))
		return false;
	k->comm->arg[1] = (u64)child_va(k->extra);
	k->comm->arg[4] = k->id;
	k->comm->arg[5] = k->extra;
	return true;
}

/* A port of the other domain's that ends in dom0, and one that ends in the victim. */
static bool connect(void)
{
	struct evtchn_alloc_unbound a = { .dom = other.id, .remote_dom = 0 }, v = { .dom = other.id, .remote_dom = victim.id };
	struct evtchn_bind_interdomain b = { .remote_dom = other.id };

	if (evtchn_op(EVTCHNOP_alloc_unbound, &a) || evtchn_op(EVTCHNOP_alloc_unbound, &v))
		return false;
	b.remote_port = a.port;
	other.comm->arg[2] = a.port;
	other.comm->arg[3] = v.port;
	victim.comm->arg[7] = v.port;
	if (evtchn_op(EVTCHNOP_bind_interdomain, &b))
		return false;
	port_mask(b.local_port);
	return true;
}

static void bind_in_victim(struct comm *c)
{
	struct evtchn_bind_interdomain b = { .remote_dom = c->arg[8], .remote_port = c->arg[7] };

	c->res[2] = evtchn_op(EVTCHNOP_bind_interdomain, &b);
	c->arg[6] = b.local_port;
}

struct result { u64 units, victim, other, time; };

static struct result now(void)
{
	return (struct result){ victim.comm->res[0], ran(&victim), ran(&other), time_ns() };
}

static void add(struct result *sum, const struct result *from)
{
	struct result to = now();

	sum->units += to.units - from->units;
	sum->victim += to.victim - from->victim;
	sum->other += to.other - from->other;
	sum->time += to.time - from->time;
}

/* Of a lock by its name. Those of domctl and sysctl are the control domain's, and nobody waits at them. */
static u32 most(const char *lock)
{
	if (strstr(lock, "domctl_lock") || strstr(lock, "sysctl_lock"))
		return ~0u;
	return strstr(lock, "hypercall/evtchn") || strstr(lock, "hypercall/gnttab") ? OWN_LOCK_MAX : LOCK_MAX;
}

/*
 * Whoever is on another CPU and wants a lock waits no longer than it is held, for they are given in order of coming. The host's
 * debug build counts how long, which in this machine are instructions: 8 ns each.
 */
static void no_lock_long(void)
{
	static xen_sysctl_perfc_desc_t desc[256];
	static xen_sysctl_perfc_val_t val[512];
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_perfc_op, .u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query };
	u32 worst = 0;

	if (sysctl_op(XEN_SYSCTL_perfc_op, &s))
		return;		/* a host that does not count */
	if (s.u.perfc_op.nr_counters > ARRAY_SIZE(desc) || s.u.perfc_op.nr_vals > ARRAY_SIZE(val)) {
		fail_at(__FILE__, __LINE__, "no room for %u counters", s.u.perfc_op.nr_counters);
		return;
	}
	set_xen_guest_handle(s.u.perfc_op.desc, desc);
	set_xen_guest_handle(s.u.perfc_op.val, val);
	EXPECT_RC(sysctl_op(XEN_SYSCTL_perfc_op, &s), 0);
	for (unsigned i = 0, at = 0; i < s.u.perfc_op.nr_counters; at += desc[i++].nr_vals) {
		u32 held = val[at] / 8;

		if (!strstr(desc[i].name, ".c:"))
			continue;
		if (held > most(desc[i].name))
			fail_at(__FILE__, __LINE__, "%s was held for %u instructions", desc[i].name, held);
		if (most(desc[i].name) == LOCK_MAX && held > worst) {
			say("  %s: %u instructions", desc[i].name, held);
			worst = held;
		}
	}
}

static void forget_locks(void)
{
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_perfc_op, .u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_reset };

	sysctl_op(XEN_SYSCTL_perfc_op, &s);
}

static void measure(flood_fn *fn, struct result *sum)
{
	struct result from;

	other.comm->arg[0] = 0;
	other.comm->fn = fn;
	sleep_for(20 * MS);
	from = now();
	sleep_for(WINDOW);
	add(sum, &from);
	other.comm->arg[0] = 1;
	EXPECT(WAIT_FOR(!other.comm->fn, 10 * SEC));
}

/* Work a unit of time, beside the flood and beside the other that only computes: at least nine tenths. */
static void judge(const struct result *calm, const struct result *flood)
{
	u64 was = calm->units * 100000000 / calm->time, is = flood->units * 100000000 / flood->time;

	say("%lu units of work in 100 ms, %lu without the flood; the victim had %lu %% of the time, the flood %lu %%", is, was,
	    flood->victim * 100 / flood->time, flood->other * 100 / flood->time);
	EXPECT(was > 100);
	EXPECT(is * 10 >= was * 9);
}

static void lower(struct child *k)
{
	if (!k->id)
		return;
	EXPECT_RC(child_destroy(k), 0);
	EXPECT(child_gone(k->id));
	k->id = 0;
}

static bool begin(void)
{
	if (!raise(&victim, 0) || !raise(&other, 1) || !connect())
		return false;
	victim.comm->arg[8] = other.id;
	if (!child_run(&victim, bind_in_victim) || victim.comm->res[2])
		return false;
	victim.comm->fn = work;
	return true;
}

static void end(u64 free_before)
{
	lower(&victim);
	lower(&other);
	nothing_lost(free_before);
}

static void flood_case(flood_fn *fn)
{
	struct result calm = { 0 }, flood = { 0 };
	u64 before = free_settled();

	if (begin()) {
		for (int i = 0; i < ROUNDS && !case_bad(); i++) {
			measure(harmless, &calm);
			forget_locks();
			measure(fn, &flood);
			no_lock_long();
		}
		if (!case_bad())
			judge(&calm, &flood);
		EXPECT(flood.victim * 100 >= flood.time * 45);
	} else {
		error_at(__FILE__, __LINE__, "the two domains could not be set up");
	}
	end(before);
}

CASE(warm, "a first run, so that the host's caches are filled")
{
	EXPECT(begin());
	lower(&victim);
	lower(&other);
}

#define FLOOD(fn, story) CASE(fn, story) { flood_case(fn); }
FLOOD(hypercalls, "a guest spins in short hypercalls, most of them refused")
FLOOD(long_hypercalls, "thousands of page-table updates in a call, hundreds of calls in one")
FLOOD(memory, "to the limit of its memory and back, again and again")
FLOOD(events, "events to dom0 and to the victim, as fast as it goes")
FLOOD(ports, "all ports that it may have, and closed at once")
FLOOD(grants, "mapping, unmapping, copying by grants, many in a call")
FLOOD(pins, "a full L2 pinned and unpinned, and TLB flushes on all CPUs")
FLOOD(faults, "faults of every kind, and emulated stores to page tables")
FLOOD(timers, "timers in the past and near, and sleeps of microseconds")
FLOOD(naps, "a guest that sleeps for a moment at the end of each turn")
FLOOD(yields, "a guest that yields all the time")
FLOOD(scribbles, "FIFO queues that are scribbled on while events come")
FLOOD(console, "lines to the hypervisor's console without end")

/*
 * One after another, each destroyed in the middle of what it does, at another moment each time. Measured from the first to the
 * last, deaths and births too: in the few milliseconds of one life it is the newcomer's turn, which has waited for the victim's.
 */
static void deaths(bool harmlessly, struct result *sum)
{
	static flood_fn *const deadly[] = { long_hypercalls, memory, ports, grants, pins, faults, scribbles, hypercalls };
	u64 units = victim.comm->res[0], had = ran(&victim), start = time_ns(), others = 0;

	for (unsigned i = 0; i < 3 * ARRAY_SIZE(deadly) && !case_bad(); i++) {
		lower(&other);
		if (!raise(&other, 1))
			return;
		other.comm->fn = harmlessly ? harmless : deadly[i % ARRAY_SIZE(deadly)];
		sleep_for(4 * MS + i * 237001 % (3 * MS));
		others += ran(&other);
	}
	*sum = (struct result){ victim.comm->res[0] - units, ran(&victim) - had, others, time_ns() - start };
}

CASE(killed, "guests that are destroyed in the middle of hypercalls, one after another; all that they had is given back")
{
	struct result calm = { 0 }, flood = { 0 };
	u64 before = free_settled();

	SKIP_IF(host_is_xen(), "beside short-lived domains Debian's Xen gives the victim next to nothing");
	if (begin()) {
		deaths(true, &calm);
		forget_locks();
		deaths(false, &flood);
		no_lock_long();
		if (!case_bad())
			judge(&calm, &flood);
		EXPECT(flood.victim * 100 >= flood.time * 45);
	} else {
		error_at(__FILE__, __LINE__, "the two domains could not be set up");
	}
	end(before);
}
