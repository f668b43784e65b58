/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains built by the test dom0: life and death.
 *
 * What could be wrong: a domain is made of many small calls by its builder, which may name anything; it dies while others
 * hold its pages, and every page, channel and grant has to come back.
 * How it is provoked: children are built, run, stopped at every stage and destroyed; the host's free pages are counted.
 * A wrong host: loses a page, keeps a dead domain for ever, lets one go that is still mapped, forgets a check of privilege.
 */
#include "child.h"

static struct child kid;
static u64 free_before;

CASE(domctl_errors, "domctl: another version, bad pointers, unknown commands, domains that are not there")
{
	struct xen_domctl d = { 0 };

	d.cmd = XEN_DOMCTL_pausedomain;
	d.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
	EXPECT_RC(HCALL1(__HYPERVISOR_domctl, &d), -XEN_EACCES);
	EXPECT_RC(HCALL1(__HYPERVISOR_domctl, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(domctl(9999, 0, &d), -XEN_ENOSYS);
	EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, 4321, &d), -XEN_ESRCH);
	EXPECT_RC(domctl(XEN_DOMCTL_destroydomain, 4321, &d), -XEN_ESRCH);
	EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo, 4321, &d), -XEN_ESRCH);
	EXPECT_RC(domctl(XEN_DOMCTL_max_mem, 4321, &d), -XEN_ESRCH);
	EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, 0, &d), -XEN_EINVAL);	/* oneself */
	EXPECT_RC(domctl(XEN_DOMCTL_destroydomain, 0, &d), -XEN_EINVAL);
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, 0, &d), -XEN_EINVAL);
}

static long create(u32 flags, u32 vcpus, u32 ports, u32 grant, domid_t id, u32 emulation)
{
	struct xen_domctl d = { 0 };

	d.u.createdomain.flags = flags;
	d.u.createdomain.max_vcpus = vcpus;
	d.u.createdomain.max_evtchn_port = ports;
	d.u.createdomain.max_grant_frames = 4;
	d.u.createdomain.max_maptrack_frames = 4;
	d.u.createdomain.grant_opts = grant;
	d.u.createdomain.arch.emulation_flags = emulation;
	return domctl(XEN_DOMCTL_createdomain, id, &d);
}

CASE(create_errors, "createdomain: flags, limits and options that cannot be, a number that is taken")
{
	EXPECT_RC(create(1u << 31, 1, 1023, 1, 0, 0), -XEN_EINVAL);
	EXPECT_RC(create(0, 0, 1023, 1, 0, 0), -XEN_EINVAL);
	EXPECT_RC(create(0, 100000, 1023, 1, 0, 0), -XEN_EINVAL);
	EXPECT_RC(create(0, 1, 1023, 3, 0, 0), -XEN_EINVAL);
	EXPECT_RC(create(0, 1, 1023, 1, 0, XEN_X86_EMU_LAPIC), -XEN_EOPNOTSUPP);
	EXPECT_RC(create(XEN_DOMCTL_CDF_hap, 1, 1023, 1, 0, 0), -XEN_EINVAL);
	NEED(!child_create(&kid, 0));
	EXPECT_RC(create(0, 1, 1023, 1, kid.id, 0), -XEN_EEXIST);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

CASE(empty_domain, "a domain of nothing: paused, no page, the limits given; it can be unpaused, and has nothing to run")
{
	struct xen_domctl_getdomaininfo info;
	struct xen_domctl d = { 0 };

	NEED(!child_create(&kid, 0));
	REQUIRE_RC(child_info(kid.id, &info), 0);
	EXPECT_HEX(info.flags & 0xff, XEN_DOMINF_paused);
	EXPECT_RC(info.tot_pages, 0);
	EXPECT_RC(info.max_pages, CHILD_PFNS);
	EXPECT_RC(info.max_vcpu_id, 1);
	EXPECT_RC(info.nr_online_vcpus, 0);
	EXPECT_RC(info.handle[3], 0xa3);
	EXPECT(info.shared_info_frame != 0);
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

CASE(build_and_run, "a child is built from a copy of this kernel, runs, answers, and is destroyed")
{
	struct xen_domctl_getdomaininfo info;
	void add(struct comm *c) { c->res[0] = c->arg[0] + c->arg[1]; }

	if (!child_up(&kid, 0))
		return;
	kid.comm->arg[0] = 40;
	kid.comm->arg[1] = 2;
	EXPECT(child_run(&kid, add));
	EXPECT_RC(kid.comm->res[0], 42);
	EXPECT_RC(child_info(kid.id, &info), 0);
	EXPECT_RC(info.tot_pages, kid.total);
	EXPECT_RC(info.nr_online_vcpus, 1);
	EXPECT_HEX(info.flags & (XEN_DOMINF_dying | XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_hvm_guest), 0);
	EXPECT(info.cpu_time > 0);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

CASE(no_leak, "ten children, created, run and destroyed: the host's free pages are as before")
{
	for (int i = 0; i < 10; i++) {
		if (i == 1)
			free_before = free_settled();	/* the first may leave caches behind */
		if (!child_up(&kid, 0))
			return;
		EXPECT_RC(child_destroy(&kid), 0);
		EXPECT(child_gone(kid.id));
	}
	nothing_lost(free_before);
}

CASE(half_built, "children destroyed at each stage of building leave nothing either")
{
	static struct { struct child c; } half;
	u64 before = free_settled();

	for (int stage = 0; stage < 3; stage++) {
		NEED(!child_create(&half.c, 0));
		if (stage >= 1)
			NEED(!child_build(&half.c));
		EXPECT_RC(child_destroy(&half.c), 0);
		EXPECT(child_gone(half.c.id));
	}
	nothing_lost(before);
}

CASE(pause, "a paused child stands still; pauses are counted; unpaused it goes on")
{
	struct xen_domctl d = { 0 };
	struct xen_domctl_getdomaininfo info;
	u64 seen;

	if (!child_up(&kid, 0))
		return;
	EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, kid.id, &d), 0);
	seen = kid.comm->alive;
	EXPECT(!WAIT_FOR(kid.comm->alive != seen, 50 * MS));
	EXPECT_RC(child_info(kid.id, &info), 0);
	EXPECT_HEX(info.flags & XEN_DOMINF_paused, XEN_DOMINF_paused);
	EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, kid.id, &d), 0);
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	EXPECT(!WAIT_FOR(kid.comm->alive != seen, 50 * MS));
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	EXPECT(WAIT_FOR(kid.comm->alive != seen, 5 * SEC));
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), -XEN_EINVAL);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

static void shut_down(struct comm *c)
{
	struct sched_shutdown s = { .reason = c->arg[0] };

	c->fn = NULL;
	sched_op(SCHEDOP_shutdown, &s);
}

static void crash_hard(struct comm *c)
{
	HCALL1(__HYPERVISOR_set_trap_table, 0);
	c->fn = NULL;
	__asm__ volatile("ud2");
}

static void crash_stack(struct comm *c)
{
	c->fn = NULL;
	__asm__ volatile("movq %0, %%rsp; ud2" : : "r"(0x1000UL));
}

static volatile u64 dom_exc;
static evtchn_port_t exc_port;
static void on_exc(evtchn_port_t port)
{
	if (port == exc_port)
		dom_exc++;
}

static void ends_with(void (*fn)(struct comm *), int arg, unsigned reason)
{
	struct xen_domctl_getdomaininfo info;

	if (!child_up(&kid, 0))
		return;
	dom_exc = 0;
	kid.comm->arg[0] = arg;
	kid.comm->fn = fn;
	EXPECT(WAIT_FOR(!child_info(kid.id, &info) && info.flags & XEN_DOMINF_shutdown, 5 * SEC));
	EXPECT_RC(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, reason);
	EXPECT_HEX(info.flags & XEN_DOMINF_dying, 0);
	EXPECT(WAIT_FOR(dom_exc, 5 * SEC));
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

CASE(shutdown_reasons, "every way a child ends shows as its reason, and dom0 hears VIRQ_DOM_EXC")
{
	struct evtchn_bind_virq v = { .virq = VIRQ_DOM_EXC, .vcpu = 0 };

	NEED(!evtchn_op(EVTCHNOP_bind_virq, &v));
	exc_port = v.port;
	event_handler = on_exc;
	port_unmask(exc_port);
	events_on();
	for (int reason = SHUTDOWN_poweroff; reason <= SHUTDOWN_watchdog; reason++)
		ends_with(shut_down, reason, reason);
	ends_with(crash_hard, 0, SHUTDOWN_crash);
	ends_with(crash_stack, 0, SHUTDOWN_crash);
	events_off();
	port_close(exc_port);
}

CASE(remote_shutdown, "SCHEDOP_remote_shutdown gives the reason for a domain that has stopped by itself or not")
{
	struct sched_remote_shutdown r = { .reason = SHUTDOWN_suspend };
	struct xen_domctl_getdomaininfo info;

	if (!child_up(&kid, 0))
		return;
	r.domain_id = kid.id;
	EXPECT_RC(sched_op(SCHEDOP_remote_shutdown, &r), 0);
	EXPECT(WAIT_FOR(!child_info(kid.id, &info) && info.flags & XEN_DOMINF_shutdown, 5 * SEC));
	EXPECT_RC(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_suspend);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

CASE(resume, "a child that shut down for suspend is resumed and goes on")
{
	struct xen_domctl d = { 0 };
	struct xen_domctl_getdomaininfo info;
	u64 seen;

	if (!child_up(&kid, 0))
		return;
	kid.comm->arg[0] = SHUTDOWN_suspend;
	kid.comm->fn = shut_down;
	NEED(WAIT_FOR(!child_info(kid.id, &info) && info.flags & XEN_DOMINF_shutdown, 5 * SEC));
	seen = kid.comm->alive;
	EXPECT_RC(domctl(XEN_DOMCTL_resumedomain, kid.id, &d), 0);
	EXPECT(WAIT_FOR(kid.comm->alive != seen, 5 * SEC));
	EXPECT_RC(child_info(kid.id, &info), 0);
	EXPECT_HEX(info.flags & XEN_DOMINF_shutdown, 0);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

CASE(zombie, "destroyed while dom0 maps one of its pages: a dying domain without pages but that, gone when it is unmapped")
{
	struct xen_domctl_getdomaininfo info = { 0 };
	u64 *w = window(30), before = free_settled();

	if (!child_up(&kid, 0))
		return;
	NEED(!map_foreign(w, kid.mfn[kid.extra] << PAGE_SHIFT | PTE_RW, kid.id));
	w[0] = 0x600d;
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(!WAIT_FOR(child_info(kid.id, &info) == -XEN_ESRCH, 1 * SEC));
	EXPECT_RC(child_info(kid.id, &info), 0);
	EXPECT_HEX(info.flags & XEN_DOMINF_dying, XEN_DOMINF_dying);
	EXPECT_RC(info.tot_pages, 1);
	EXPECT_HEX(w[0], 0x600d);
	EXPECT_REFUSED(map_foreign(window(31), kid.mfn[kid.extra + 1] << PAGE_SHIFT | PTE_RW, kid.id));
	EXPECT_RC(map_page(w, 0), 0);
	EXPECT(child_gone(kid.id));
	nothing_lost(before);
}
