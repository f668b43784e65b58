/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the toolstack asks: domctl and sysctl beyond building.
 *
 * What could be wrong: the tools trust each answer's layout, sizes and error codes; a count too many makes them read rubbish.
 * How it is provoked: each call of xl's and xentop's on a child, with buffers too small, numbers too large, states that forbid.
 * A wrong host: overruns a buffer, answers for the wrong vCPU, forgets what was set.
 */
#include "child.h"

static struct child kid;
static struct xen_domctl d;
static struct vcpu_guest_context ctx;

CASE(build, "a child to ask about")
{
	EXPECT(child_up(&kid, 0));
}

CASE(vcpu_info, "getvcpuinfo: online, running or blocked, time used; vCPUs beyond, or never brought up")
{
	memset(&d, 0, sizeof(d));
	REQUIRE_RC(domctl(XEN_DOMCTL_getvcpuinfo, kid.id, &d), 0);
	EXPECT_RC(d.u.getvcpuinfo.online, 1);
	EXPECT_RC(d.u.getvcpuinfo.blocked, 0);
	EXPECT(d.u.getvcpuinfo.cpu_time > 0);
	EXPECT(d.u.getvcpuinfo.cpu < 2);
	d.u.getvcpuinfo.vcpu = 1;
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuinfo, kid.id, &d), 0);
	EXPECT_RC(d.u.getvcpuinfo.online, 0);
	d.u.getvcpuinfo.vcpu = 2;
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuinfo, kid.id, &d), -XEN_EINVAL);
	d.u.getvcpuinfo.vcpu = 0xffffffff;
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuinfo, kid.id, &d), -XEN_EINVAL);
}

static long context(u32 cmd, u32 vcpu, void *ptr)
{
	memset(&d, 0, sizeof(d));
	d.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(d.u.vcpucontext.ctxt, ptr);
	return domctl(cmd, kid.id, &d);
}

CASE(get_context, "getvcpucontext: the child's own addresses, root and trap table; an unused vCPU has none")
{
	REQUIRE_RC(context(XEN_DOMCTL_getvcpucontext, 0, &ctx), 0);
	EXPECT(ctx.user_regs.rip >= (u64)_image_start && ctx.user_regs.rip < (u64)_core_end);
	EXPECT_HEX(ctx.user_regs.cs & 0xffff, FLAT_KERNEL_CS);
	EXPECT_HEX(ctx.ctrlreg[3], kid.mfn[kid.l4] << 12);
	EXPECT_HEX(ctx.ctrlreg[1], 0);
	EXPECT_HEX(ctx.event_callback_eip, event_entry);
	EXPECT_HEX(ctx.trap_ctxt[15].address, 0);
	for (struct trap_info *t = trap_table; t->address; t++)
		EXPECT_HEX(ctx.trap_ctxt[t->vector].address, t->address);
	EXPECT_HEX(ctx.flags & (VGCF_IN_KERNEL | VGCF_online), VGCF_IN_KERNEL | VGCF_online);
	EXPECT_RC(context(XEN_DOMCTL_getvcpucontext, 1, &ctx), -XEN_ENODATA);
	EXPECT_RC(context(XEN_DOMCTL_getvcpucontext, 2, &ctx), -XEN_EINVAL);
	EXPECT_RC(context(XEN_DOMCTL_getvcpucontext, 0, BAD_PTR), -XEN_EFAULT);
}

static void refuse_context(struct vcpu_guest_context *bad, long rc)
{
	long got = context(XEN_DOMCTL_setvcpucontext, 0, bad);

	if (got != rc)
		fail_at(__FILE__, __LINE__, "%ld, should be %ld: rip %lx cr3 %lx event %lx", got, rc, bad->user_regs.rip,
			bad->ctrlreg[3], bad->event_callback_eip);
}

CASE(set_context, "setvcpucontext: what was read is set again; contexts that would break out are refused; NULL resets")
{
	static struct vcpu_guest_context bad;
	u64 seen;

	memset(&d, 0, sizeof(d));
	NEED(!domctl(XEN_DOMCTL_pausedomain, kid.id, &d));
	NEED(!context(XEN_DOMCTL_getvcpucontext, 0, &ctx));
	EXPECT_RC(context(XEN_DOMCTL_setvcpucontext, 0, &ctx), 0);
	bad = ctx;
	bad.ctrlreg[3] = 0xfffffff000;
	EXPECT_REFUSED(context(XEN_DOMCTL_setvcpucontext, 0, &bad));
	bad = ctx;
	bad.user_regs.rip = 0x8000000000000000;
	refuse_context(&bad, -XEN_EINVAL);
	bad = ctx;
	bad.event_callback_eip = 0x8000000000000000;
	refuse_context(&bad, -XEN_EINVAL);
	EXPECT_RC(context(XEN_DOMCTL_setvcpucontext, 2, &ctx), -XEN_EINVAL);
	EXPECT_RC(context(XEN_DOMCTL_setvcpucontext, 0, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(context(XEN_DOMCTL_setvcpucontext, 1, NULL), 0);
	EXPECT_RC(context(XEN_DOMCTL_setvcpucontext, 0, &ctx), 0);
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	seen = kid.comm->alive;
	EXPECT(WAIT_FOR(kid.comm->alive != seen, 5 * SEC));
}

CASE(page_types, "getpageframeinfo3 names page tables by level, pinned ones, ordinary pages and those that are not there")
{
	xen_pfn_t list[7] = {
		kid.mfn[kid.l4], kid.mfn[kid.l3], kid.mfn[kid.l2], kid.mfn[kid.l1], kid.mfn[kid.extra],
		mfn_of(_image_start), 0xfffffff,
	};
	static const u64 want[7] = {
		XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB, XEN_DOMCTL_PFINFO_L3TAB, XEN_DOMCTL_PFINFO_L2TAB,
		XEN_DOMCTL_PFINFO_L1TAB, XEN_DOMCTL_PFINFO_NOTAB, XEN_DOMCTL_PFINFO_XTAB, XEN_DOMCTL_PFINFO_XTAB,
	};

	memset(&d, 0, sizeof(d));
	d.u.getpageframeinfo3.num = 7;
	set_xen_guest_handle(d.u.getpageframeinfo3.array, list);
	REQUIRE_RC(domctl(XEN_DOMCTL_getpageframeinfo3, kid.id, &d), 0);
	for (int i = 0; i < 7; i++)
		if (list[i] != want[i])
			fail_at(__FILE__, __LINE__, "page %d: %lx, should be %lx", i, list[i], want[i]);
	d.u.getpageframeinfo3.num = 5000;
	EXPECT_RC(domctl(XEN_DOMCTL_getpageframeinfo3, kid.id, &d), -XEN_E2BIG);
	d.u.getpageframeinfo3.num = 1;
	set_xen_guest_handle(d.u.getpageframeinfo3.array, BAD_PTR);
	EXPECT_RC(domctl(XEN_DOMCTL_getpageframeinfo3, kid.id, &d), -XEN_EFAULT);
}

static long affinity(u32 cmd, u32 vcpu, u32 flags, u8 *hard, u8 *soft)
{
	memset(&d, 0, sizeof(d));
	d.u.vcpuaffinity.vcpu = vcpu;
	d.u.vcpuaffinity.flags = flags;
	set_xen_guest_handle(d.u.vcpuaffinity.cpumap_hard.bitmap, hard);
	set_xen_guest_handle(d.u.vcpuaffinity.cpumap_soft.bitmap, soft);
	d.u.vcpuaffinity.cpumap_hard.nr_bits = d.u.vcpuaffinity.cpumap_soft.nr_bits = 8;
	return domctl(cmd, kid.id, &d);
}

CASE(affinity, "vCPU affinity: set, effective, read back; no CPU at all, no such vCPU, no flag")
{
	u8 hard = 2, soft = 1;

	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 0, XEN_VCPUAFFINITY_HARD, &hard, &soft), 0);
	EXPECT_HEX(hard, 2);
	hard = 0;
	EXPECT_RC(affinity(XEN_DOMCTL_getvcpuaffinity, 0, XEN_VCPUAFFINITY_HARD, &hard, &soft), 0);
	EXPECT_HEX(hard, 2);
	d.u.getvcpuinfo.vcpu = 0;
	EXPECT(WAIT_FOR(!domctl(XEN_DOMCTL_getvcpuinfo, kid.id, &d) && d.u.getvcpuinfo.cpu == 1, 5 * SEC));
	hard = 0;
	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 0, XEN_VCPUAFFINITY_HARD, &hard, &soft), -XEN_EINVAL);
	hard = 0x80;
	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 0, XEN_VCPUAFFINITY_HARD, &hard, &soft), -XEN_EINVAL);
	hard = 3;
	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 9, XEN_VCPUAFFINITY_HARD, &hard, &soft), -XEN_EINVAL);
	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 0, 0, &hard, &soft), -XEN_EINVAL);
	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 0, XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT, &hard, &soft), 0);
	EXPECT_RC(affinity(XEN_DOMCTL_setvcpuaffinity, 0, XEN_VCPUAFFINITY_HARD, BAD_PTR, &soft), -XEN_EFAULT);
}

CASE(max_mem, "max_mem: the limit holds for the child's growth, and may be set below what it has")
{
	void grow(struct comm *c) {
		static xen_pfn_t list[1];
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

		set_xen_guest_handle(r.extent_start, list);
		c->res[0] = memory_op(XENMEM_increase_reservation, &r);
	}

	memset(&d, 0, sizeof(d));
	d.u.max_mem.max_memkb = kid.total * 4;
	EXPECT_RC(domctl(XEN_DOMCTL_max_mem, kid.id, &d), 0);
	EXPECT(child_run(&kid, grow));
	EXPECT_RC(kid.comm->res[0], 0);
	d.u.max_mem.max_memkb = kid.total * 4 + 4;
	EXPECT_RC(domctl(XEN_DOMCTL_max_mem, kid.id, &d), 0);
	EXPECT(child_run(&kid, grow));
	EXPECT_RC(kid.comm->res[0], 1);
	d.u.max_mem.max_memkb = 4;
	EXPECT_RC(domctl(XEN_DOMCTL_max_mem, kid.id, &d), 0);
	d.u.max_mem.max_memkb = 8192;
	EXPECT_RC(domctl(XEN_DOMCTL_max_mem, kid.id, &d), 0);
}

CASE(permissions, "I/O permissions given to a child work and are taken back; ranges that wrap are refused")
{
	void touch(struct comm *c) {
		c->res[0] = update_va((void *)(c->arg[2] + 5 * PAGE_SIZE), 0xb8000 | PTE_RW, UVMF_INVLPG | UVMF_LOCAL);
		update_va((void *)(c->arg[2] + 5 * PAGE_SIZE), mfn_of((void *)(c->arg[2] + 5 * PAGE_SIZE)) << 12 | PTE_RW,
			  UVMF_INVLPG | UVMF_LOCAL);
		struct { u32 iopl; } set = { 1 };
		HCALL2(__HYPERVISOR_physdev_op, 6, &set);
		u64 v = 0;
		c->res[1] = CATCH(__asm__ volatile("inb $0x64, %%al" : "+a"(v)));
		c->res[2] = v;
	}

	kid.comm->arg[2] = (u64)child_va(kid.extra);
	EXPECT(child_run(&kid, touch));
	EXPECT_RC(kid.comm->res[0], -XEN_EPERM);
	EXPECT_RC(kid.comm->res[1], -1);
	EXPECT_HEX(kid.comm->res[2], 0xff);	/* a port that is not one's own reads as nothing, once IOPL allows to ask */
	memset(&d, 0, sizeof(d));
	d.u.iomem_permission.first_mfn = 0xb8;
	d.u.iomem_permission.nr_mfns = 1;
	d.u.iomem_permission.allow_access = 1;
	EXPECT_RC(domctl(XEN_DOMCTL_iomem_permission, kid.id, &d), 0);
	memset(&d, 0, sizeof(d));
	d.u.ioport_permission.first_port = 0x64;
	d.u.ioport_permission.nr_ports = 1;
	d.u.ioport_permission.allow_access = 1;
	EXPECT_RC(domctl(XEN_DOMCTL_ioport_permission, kid.id, &d), 0);
	EXPECT(child_run(&kid, touch));
	EXPECT_RC(kid.comm->res[0], 0);
	EXPECT_RC(kid.comm->res[1], -1);
	EXPECT(kid.comm->res[2] != 0xff);	/* the keyboard controller's status */
	d.u.ioport_permission.allow_access = 0;
	EXPECT_RC(domctl(XEN_DOMCTL_ioport_permission, kid.id, &d), 0);
	EXPECT(child_run(&kid, touch));
	EXPECT_HEX(kid.comm->res[2], 0xff);
	d.u.ioport_permission.first_port = 0xffff;
	d.u.ioport_permission.nr_ports = 2;
	EXPECT_RC(domctl(XEN_DOMCTL_ioport_permission, kid.id, &d), -XEN_EINVAL);
	memset(&d, 0, sizeof(d));
	d.u.iomem_permission.first_mfn = ~0UL;
	d.u.iomem_permission.nr_mfns = 2;
	d.u.iomem_permission.allow_access = 1;
	EXPECT_RC(domctl(XEN_DOMCTL_iomem_permission, kid.id, &d), -XEN_EINVAL);
	memset(&d, 0, sizeof(d));
	d.u.irq_permission.pirq = 5000;
	d.u.irq_permission.allow_access = 1;
	EXPECT_RC(domctl(XEN_DOMCTL_irq_permission, kid.id, &d), -XEN_EINVAL);
}

CASE(handle, "setdomainhandle shows in getdomaininfo and in the child's XENVER_guest_handle")
{
	void ask(struct comm *c) {
		xen_domain_handle_t h;

		c->res[0] = xen_version(XENVER_guest_handle, h);
		c->res[1] = h[5];
	}
	struct xen_domctl_getdomaininfo info;

	memset(&d, 0, sizeof(d));
	for (int i = 0; i < 16; i++)
		d.u.setdomainhandle.handle[i] = i * 3;
	EXPECT_RC(domctl(XEN_DOMCTL_setdomainhandle, kid.id, &d), 0);
	EXPECT_RC(child_info(kid.id, &info), 0);
	EXPECT_RC(info.handle[7], 21);
	EXPECT(child_run(&kid, ask));
	EXPECT_RC(kid.comm->res[1], 15);
}

CASE(time_offset, "settimeoffset moves the child's wall clock")
{
	void ask(struct comm *c) { c->res[0] = READ_ONCE(shared->wc_sec); }
	long before;

	EXPECT(child_run(&kid, ask));
	before = kid.comm->res[0];
	memset(&d, 0, sizeof(d));
	d.u.settimeoffset.time_offset_seconds = 3600;
	EXPECT_RC(domctl(XEN_DOMCTL_settimeoffset, kid.id, &d), 0);
	EXPECT(child_run(&kid, ask));
	EXPECT_RC(kid.comm->res[0], before + 3600);
}

CASE(tsc_info, "gettscinfo: the default mode at the CPU's frequency; settscinfo refuses modes that are not")
{
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_gettscinfo, kid.id, &d), 0);
	EXPECT_RC(d.u.tsc_info.tsc_mode, 0);
	EXPECT(d.u.tsc_info.gtsc_khz > 100000);
	EXPECT_RC(d.u.tsc_info.incarnation, 1);
	EXPECT_RC(domctl(XEN_DOMCTL_settscinfo, 0, &d), -XEN_EINVAL);	/* not one's own */
	NEED(!domctl(XEN_DOMCTL_pausedomain, kid.id, &d));
	memset(&d, 0, sizeof(d));
	d.u.tsc_info.tsc_mode = 77;
	EXPECT_RC(domctl(XEN_DOMCTL_settscinfo, kid.id, &d), -XEN_EINVAL);
	NEED(!domctl(XEN_DOMCTL_unpausedomain, kid.id, &d));
}

static void tick(struct comm *c)
{
	u64 t = rdtsc(), ns = time_ns(), t2, ns2;

	WAIT_FOR(false, 100 * MS);
	t2 = rdtsc();
	ns2 = time_ns();
	c->res[0] = t2 - t;
	c->res[1] = ns2 - ns;
	c->res[2] = t;
	for (u64 last = t2; !c->res[3] && last - t2 < 1000000; last = t)
		c->res[3] = (t = rdtsc()) < last;
}

/* Its TSC counts at khz, and its system time, computed from it, is the host's. */
static void ticks_at(u64 khz)
{
	u64 before = time_ns();

	memset((void *)kid.comm->res, 0, sizeof(kid.comm->res));
	REQUIRE(child_run(&kid, tick));
	EXPECT((u64)kid.comm->res[1] >= 100 * MS && (u64)kid.comm->res[1] <= time_ns() - before);
	EXPECT((u64)kid.comm->res[0] > kid.comm->res[1] * khz / 1000000 / 10 * 9);
	EXPECT((u64)kid.comm->res[0] < kid.comm->res[1] * khz / 1000000 / 10 * 11);
	EXPECT_RC(kid.comm->res[3], 0);
}

static long set_tsc(u32 mode, u32 khz, u64 elapsed)
{
	static struct xen_domctl t;

	memset(&t, 0, sizeof(t));
	t.u.tsc_info.tsc_mode = mode;
	t.u.tsc_info.gtsc_khz = khz;
	t.u.tsc_info.elapsed_nsec = elapsed;
	t.u.tsc_info.incarnation = 3;
	return domctl(XEN_DOMCTL_settscinfo, kid.id, &t);
}

CASE(tsc_emulated, "settscinfo: an emulated TSC has the speed asked for, time stays right; by default too, if ours differs")
{
	static const u32 emulate[] = { 1, 0 };

	for (unsigned i = 0; i < 2; i++) {
		EXPECT_RC(set_tsc(emulate[i], 123456, 1000 * SEC), 0);
		memset(&d, 0, sizeof(d));
		EXPECT_RC(domctl(XEN_DOMCTL_gettscinfo, kid.id, &d), 0);
		EXPECT_RC(d.u.tsc_info.tsc_mode, emulate[i]);
		EXPECT_RC(d.u.tsc_info.gtsc_khz, 123456);
		EXPECT_RC(d.u.tsc_info.incarnation, 4);
		EXPECT(d.u.tsc_info.elapsed_nsec > 1000 * SEC && d.u.tsc_info.elapsed_nsec < 1100 * SEC);
		ticks_at(123456);
	}
}

CASE(tsc_native, "never emulated: the TSC is the host's again, whatever frequency is named")
{
	memset(&d, 0, sizeof(d));
	EXPECT_RC(set_tsc(2, 123456, 1000 * SEC), 0);
	EXPECT_RC(domctl(XEN_DOMCTL_gettscinfo, kid.id, &d), 0);
	EXPECT_RC(d.u.tsc_info.tsc_mode, 2);
	EXPECT_RC(d.u.tsc_info.gtsc_khz, 0);
	EXPECT_RC(d.u.tsc_info.elapsed_nsec, 0);
	REQUIRE(child_run(&kid, tick));
	EXPECT((u64)kid.comm->res[2] < rdtsc() && (u64)kid.comm->res[2] > rdtsc() / 2);
	EXPECT_RC(set_tsc(0, 0, 0), 0);
}

CASE(address_size, "the address size of a 64-bit PV domain is 64; others are refused")
{
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_get_address_size, kid.id, &d), 0);
	EXPECT_RC(d.u.address_size.size, 64);
	EXPECT_RC(domctl(XEN_DOMCTL_set_address_size, kid.id, &d), 0);
	d.u.address_size.size = 16;
	EXPECT_REFUSED(domctl(XEN_DOMCTL_set_address_size, kid.id, &d));
}

CASE(nmi_trigger, "sendtrigger NMI reaches the child; unknown triggers and vCPUs do not")
{
	static volatile u64 count;
	bool got(struct frame *f) { count++; return true; }
	void arm(struct comm *c) { cpus[0].hook[X_NMI] = cpus[0].hook[VEC_NMI] = got; count = 0; }
	void ask(struct comm *c) { c->res[0] = count; }

	EXPECT(child_run(&kid, arm));
	memset(&d, 0, sizeof(d));
	d.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
	EXPECT_RC(domctl(XEN_DOMCTL_sendtrigger, kid.id, &d), 0);
	u64 end = time_ns() + 5 * SEC;
	do {
		EXPECT(child_run(&kid, ask));
	} while (!kid.comm->res[0] && time_ns() < end);
	EXPECT_RC(kid.comm->res[0], 1);
	d.u.sendtrigger.trigger = 99;
	EXPECT_RC(domctl(XEN_DOMCTL_sendtrigger, kid.id, &d), -XEN_ENOSYS);
	d.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
	d.u.sendtrigger.vcpu = 7;
	EXPECT_RC(domctl(XEN_DOMCTL_sendtrigger, kid.id, &d), -XEN_ESRCH);
	d.u.sendtrigger.vcpu = 0;
	d.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
	EXPECT_RC(domctl(XEN_DOMCTL_sendtrigger, kid.id, &d), -XEN_EINVAL);	/* an HVM's */
}

CASE(scheduler, "scheduler_op: credit2's weight and cap are set and read; the wrong scheduler is refused")
{
	memset(&d, 0, sizeof(d));
	d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	d.u.scheduler_op.u.credit2.weight = 512;
	d.u.scheduler_op.u.credit2.cap = 50;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid.id, &d), 0);
	memset(&d.u.scheduler_op.u, 0, sizeof(d.u.scheduler_op.u));
	d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid.id, &d), 0);
	EXPECT_RC(d.u.scheduler_op.u.credit2.weight, 512);
	EXPECT_RC(d.u.scheduler_op.u.credit2.cap, 50);
	d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	d.u.scheduler_op.u.credit2.weight = 256;
	d.u.scheduler_op.u.credit2.cap = 0;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid.id, &d), 0);
	d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid.id, &d), -XEN_EINVAL);
	d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	d.u.scheduler_op.cmd = 99;
	EXPECT_RC(domctl(XEN_DOMCTL_scheduler_op, kid.id, &d), -XEN_EINVAL);
}

CASE(cpu_policy, "get_cpu_policy: how many leaves there are, too small a buffer, the leaves; a domain that has run keeps its")
{
	static xen_cpuid_leaf_t leaves[200];
	static xen_msr_entry_t msrs[8];
	u32 n;

	memset(&d, 0, sizeof(d));
	d.u.cpu_policy.nr_leaves = 1;
	d.u.cpu_policy.nr_msrs = 8;
	set_xen_guest_handle(d.u.cpu_policy.leaves, leaves);
	set_xen_guest_handle(d.u.cpu_policy.msrs, msrs);
	EXPECT_RC(domctl(XEN_DOMCTL_get_cpu_policy, kid.id, &d), -XEN_ENOBUFS);
	d.u.cpu_policy.nr_leaves = 200;
	d.u.cpu_policy.nr_msrs = 8;
	EXPECT_RC(domctl(XEN_DOMCTL_get_cpu_policy, kid.id, &d), 0);
	n = d.u.cpu_policy.nr_leaves;
	EXPECT(n > 10 && n < 200);
	EXPECT_HEX(leaves[0].leaf, 0);
	EXPECT(leaves[0].b != 0);
	NEED(!domctl(XEN_DOMCTL_pausedomain, kid.id, &d));
	memset(&d, 0, sizeof(d));
	d.u.cpu_policy.nr_leaves = n;
	set_xen_guest_handle(d.u.cpu_policy.leaves, leaves);
	EXPECT_RC(domctl(XEN_DOMCTL_set_cpu_policy, kid.id, &d), -XEN_EEXIST);	/* it has run */
	NEED(!domctl(XEN_DOMCTL_unpausedomain, kid.id, &d));
}

CASE(ext_state, "getvcpuextstate: first the size, then the state")
{
	static u8 buf[8192] __attribute__((aligned(64)));
	u64 size;

	memset(&d, 0, sizeof(d));
	NEED(!domctl(XEN_DOMCTL_pausedomain, kid.id, &d));
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuextstate, kid.id, &d), 0);
	size = d.u.vcpuextstate.size;
	EXPECT_HEX(d.u.vcpuextstate.xfeature_mask & 3, 3);
	EXPECT(size >= 16 && size <= sizeof(buf));
	set_xen_guest_handle(d.u.vcpuextstate.buffer, (void *)buf);
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuextstate, kid.id, &d), 0);
	d.u.vcpuextstate.vcpu = 9;
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuextstate, kid.id, &d), -XEN_ESRCH);
	memset(&d, 0, sizeof(d));
	NEED(!domctl(XEN_DOMCTL_unpausedomain, kid.id, &d));
}

CASE(dom0_only_states, "calls that need a paused or another domain say so")
{
	memset(&d, 0, sizeof(d));
	d.u.hypercall_init.gmfn = 0xfffffff;
	EXPECT_REFUSED(domctl(XEN_DOMCTL_hypercall_init, kid.id, &d));
	d.u.hypercall_init.gmfn = kid.mfn[kid.l4];
	EXPECT_REFUSED(domctl(XEN_DOMCTL_hypercall_init, kid.id, &d));
	memset(&d, 0, sizeof(d));
	d.u.max_vcpus.max = 3;
	EXPECT_RC(domctl(XEN_DOMCTL_max_vcpus, kid.id, &d), -XEN_EINVAL);
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_resumedomain, kid.id, &d), 0);	/* nothing to do */
	d.u.set_virq_handler.virq = VIRQ_DOM_EXC;
	EXPECT_RC(domctl(XEN_DOMCTL_set_virq_handler, 0, &d), 0);
	d.u.set_virq_handler.virq = VIRQ_TIMER;
	EXPECT_RC(domctl(XEN_DOMCTL_set_virq_handler, kid.id, &d), -XEN_EINVAL);
	/* A PV domain has no device model. */
	memset(&d, 0, sizeof(d));
	d.u.set_target.target = 4321;
	EXPECT_RC(domctl(XEN_DOMCTL_set_target, 0, &d), -XEN_ESRCH);
	d.u.set_target.target = kid.id;
	EXPECT_RC(domctl(XEN_DOMCTL_set_target, 0, &d), -XEN_EOPNOTSUPP);
	EXPECT_RC(domctl(XEN_DOMCTL_set_target, kid.id, &d), -XEN_EINVAL);
}

static volatile unsigned debugger_events;
static void on_debugger(evtchn_port_t port) { debugger_events++; }

static void breakpoint(struct comm *c)
{
	c->res[0] = 1;
	__asm__ volatile("int3; 2: lea 2b(%%rip), %0" : "=r"(c->res[2]));
	c->res[1] = 1;
}

CASE(debugger, "setdebugging: a breakpoint of the guest's kernel pauses it and tells VIRQ_DEBUGGER; then it goes on")
{
	struct evtchn_bind_virq b = { .virq = VIRQ_DEBUGGER, .vcpu = 0 };
	static struct vcpu_guest_context at;

	memset(&d, 0, sizeof(d));
	SKIP_IF(domctl(XEN_DOMCTL_gdbsx_domstatus, kid.id, &d) == -XEN_ENOSYS && host_is_xen(),
		"Debian's Xen is built without gdbsx");
	EXPECT_RC(d.u.gdbsx_domstatus.paused, 0);
	EXPECT_HEX(d.u.gdbsx_domstatus.vcpu_id, 0xffffffff);
	NEED(!evtchn_op(EVTCHNOP_bind_virq, &b));
	event_handler = on_debugger;
	debugger_events = 0;
	port_unmask(b.port);
	events_on();
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, kid.id, &d), 0);
	d.u.setdebugging.enable = 1;
	EXPECT_RC(domctl(XEN_DOMCTL_setdebugging, kid.id, &d), 0);
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	memset((void *)kid.comm->res, 0, sizeof(kid.comm->res));
	kid.comm->fn = breakpoint;
	EXPECT(WAIT_FOR(debugger_events, 5 * SEC));
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_gdbsx_domstatus, kid.id, &d), 0);
	EXPECT_RC(d.u.gdbsx_domstatus.paused, 1);
	EXPECT_RC(d.u.gdbsx_domstatus.vcpu_id, 0);
	EXPECT_RC(d.u.gdbsx_domstatus.vcpu_ev, X_BP);
	EXPECT_RC(kid.comm->res[0], 1);
	EXPECT_RC(kid.comm->res[1], 0);
	EXPECT_RC(debugger_events, 1);
	NEED(!context(XEN_DOMCTL_getvcpucontext, 0, &at));
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	EXPECT(WAIT_FOR(kid.comm->res[1], 5 * SEC));
	EXPECT_HEX(at.user_regs.rip, kid.comm->res[2]);
	events_off();
	port_close(b.port);
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_setdebugging, kid.id, &d), 0);
}

CASE(end, "the child goes")
{
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}
