/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published advisories that need a second domain (docs/advisories.md), one case each, named for it: what a guest comes to by
 * its own doing, what it could see of others, what passes between three domains.
 *
 * What could be wrong: the host writes a frame where a guest's stack pointer says; memory or registers of one domain show in
 * another; a grant is passed on.
 * How it is provoked: children do what an advisory tells; dom0 looks.
 * A wrong host: is written over by its own frame, keeps a dead domain's words, shows registers.
 */
#include "child.h"
#include <xen/physdev.h>

static struct child kid, kid2;

static void done(struct child *c)
{
	EXPECT_RC(child_destroy(c), 0);
	EXPECT(child_gone(c->id));
}

/* ---- stacks in the host's memory ---------------------------------------------------------------------------------- */

#define AT_STACK(sp, insn) __asm__ volatile("movq %0, %%rsp; " insn : : "r"(sp), "a"(17UL), "b"(0UL) : "memory")

/* arg[0]: the way, arg[1]: the stack pointer */
static void kid_bad_stack(struct comm *c)
{
	u64 sp = c->arg[1];
	struct vcpu_register_runstate_memory_area rs = { .addr.p = sp };

	switch (c->arg[0]) {
	case 0:
		AT_STACK(sp, "ud2");
		break;
	case 1:
		AT_STACK(sp, "int3; ud2");
		break;
	case 2:		/* iret from there */
		AT_STACK(sp, "movl $23, %%eax; syscall; ud2");
		break;
	case 3:		/* an event */
		vcpu_info()->evtchn_upcall_mask = 0;
		shared->evtchn_mask[0] = 0;
		vcpu_info()->evtchn_pending_sel = ~0UL;
		vcpu_info()->evtchn_upcall_pending = 1;
		AT_STACK(sp, "syscall; ud2");
		break;
	case 4:		/* a page fault whose frame faults */
		AT_STACK(sp, "movq 0x1000, %%rax; ud2");
		break;
	case 5:		/* areas that the host writes at each switch */
		vcpu_op(VCPUOP_register_runstate_memory_area, 0, &rs);
		vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &rs);
		for (int i = 0; i < 100; i++)
			sched_op(SCHEDOP_yield, NULL);
		AT_STACK(sp, "ud2");
	}
}

CASE(xsa_215, "frames that would lie in the host's half, straddle its edges, wrap, are not canonical: the "
	"guest ends, the host does not")
{
	static const u64 sp[] = {
		0xffff880000000000, 0xffff880000000008, 0xffff880000000020, 0xffff880000000038, 0xffff800000000010,
		0xffff830000100000, 0xffff82d040210000, 0xffff87fffffffff8, 0x8, 0x800000000000, 0x800000000010, 1UL << 63,
	};
	struct xen_domctl_getdomaininfo info;

	for (long way = 0; way < 6; way++)
		for (unsigned i = way; i < ARRAY_SIZE(sp); i += 3) {
			if (!child_up(&kid, 0))
				return;
			kid.comm->arg[0] = way;
			kid.comm->arg[1] = sp[i];
			kid.comm->fn = kid_bad_stack;
			if (!WAIT_FOR(!child_info(kid.id, &info) && info.flags & XEN_DOMINF_shutdown, 5 * SEC))
				fail_at(__FILE__, __LINE__, "way %ld, rsp %lx: the child goes on", way, sp[i]);
			else
				EXPECT_RC(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_crash);
			done(&kid);
		}
}

/* ---- contexts that a tool passes on ------------------------------------------------------------------------------- */

CASE(xsa_1, "a saved context in user mode without a user's table is refused; a running vCPU that is reset "
	"stands still")
{
	static struct vcpu_guest_context ctx;
	struct xen_domctl d = { 0 };
	u64 was;

	if (!child_up(&kid, 0))
		return;
	set_xen_guest_handle(d.u.vcpucontext.ctxt, (void *)&ctx);
	NEED(!domctl(XEN_DOMCTL_pausedomain, kid.id, &d));
	memset(&d, 0, sizeof(d));
	set_xen_guest_handle(d.u.vcpucontext.ctxt, (void *)&ctx);
	NEED(!domctl(XEN_DOMCTL_getvcpucontext, kid.id, &d));
	ctx.flags &= ~(unsigned long)VGCF_in_kernel;
	ctx.ctrlreg[1] = 0;
	EXPECT_REFUSED(domctl(XEN_DOMCTL_setvcpucontext, kid.id, &d));
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_setvcpucontext, kid.id, &d), 0);	/* reset */
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	was = kid.comm->alive;
	WAIT_FOR(false, 50 * MS);
	EXPECT_RC(kid.comm->alive, was);
	done(&kid);
}

/* A domain without vCPUs, ports, grants or memory, as it is between createdomain and what follows. */
CASE(xsa_3, "what can be done to a domain that has no vCPU yet: ports, grants, memory, contexts: errors, "
	"and it is destroyed")
{
	struct xen_domctl d = { 0 };
	struct evtchn_alloc_unbound a = { .remote_dom = 0 };
	struct evtchn_bind_interdomain b = { 0 };
	struct evtchn_reset r = { 0 };
	struct gnttab_map_grant_ref m;
	struct sched_remote_shutdown off = { .reason = SHUTDOWN_poweroff };
	static struct vcpu_guest_context ctx;

	d.u.createdomain.max_vcpus = 2;
	d.u.createdomain.max_evtchn_port = 1023;
	d.u.createdomain.max_grant_frames = 4;
	d.u.createdomain.max_maptrack_frames = 4;
	d.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	REQUIRE_RC(domctl(XEN_DOMCTL_createdomain, 0, &d), 0);
	kid.id = a.dom = b.remote_dom = r.dom = off.domain_id = d.domain;
	kid.comm = NULL;
	EXPECT_RC(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	b.remote_port = a.port;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	if (!host_is_xen())	/* 4.17.7 follows the pointer of the vCPU that is not there */
		EXPECT_RC(evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ b.local_port }), 0);
	m = (struct gnttab_map_grant_ref){ .host_addr = (u64)window(91), .flags = GNTMAP_host_map, .ref = 8, .dom = kid.id };
	EXPECT_RC(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
	EXPECT(m.status < 0);
	memset(&d, 0, sizeof(d));
	set_xen_guest_handle(d.u.vcpucontext.ctxt, (void *)&ctx);
	EXPECT_REFUSED(domctl(XEN_DOMCTL_setvcpucontext, kid.id, &d));
	EXPECT_REFUSED(domctl(XEN_DOMCTL_getvcpucontext, kid.id, &d));
	memset(&d, 0, sizeof(d));
	EXPECT_REFUSED(domctl(XEN_DOMCTL_sendtrigger, kid.id, &d));
	EXPECT_RC(sched_op(SCHEDOP_remote_shutdown, &off), 0);
	evtchn_op(EVTCHNOP_reset, &r);
	EXPECT_RC(port_close(b.local_port), 0);
	done(&kid);
}

/* ---- what is left behind ------------------------------------------------------------------------------------------ */

#define SECRET 0x5ec3e7da7a5ec3e7UL

static void kid_fill(struct comm *c)
{
	for (unsigned i = 0; i < CHILD_EXTRA; i++)
		for (u64 *p = (u64 *)(c->arg[0] + i * PAGE_SIZE), n = 0; n < 512; n++)
			p[n] = SECRET;
}

static u64 found;

static void look(const u64 *p)
{
	for (unsigned n = 0; n < 512; n++)
		found += p[n] == SECRET;
}

CASE(xsa_100, "a dead domain's memory shows nothing of it to who gets it next; nor does the host's own, in "
	"its tables for others")
{
	static xen_pfn_t f[64];
	struct xen_memory_reservation r = { .domid = DOMID_SELF };
	unsigned got = 0;

	found = 0;
	for (int i = 0; i < 4; i++) {
		if (!child_up(&kid, 0))
			return;
		kid.comm->arg[0] = (u64)child_va(kid.extra);
		EXPECT(child_run(&kid, kid_fill));
		done(&kid);
		set_xen_guest_handle(r.extent_start, f);
		r.nr_extents = 16;
		for (int k = 0; k < 16; k++) {
			r.nr_extents = ARRAY_SIZE(f);
			r.nr_extents = memory_op(XENMEM_increase_reservation, &r);
			got += r.nr_extents;
			for (unsigned n = 0; n < r.nr_extents; n++) {
				if (map_page(window(90), f[n] << PAGE_SHIFT | PTE_RO))
					continue;
				look(window(90));
			}
			map_page(window(90), 0);
			if (r.nr_extents && k & 1)
				memory_op(XENMEM_decrease_reservation, &r);
		}
	}
	EXPECT(got > 1000);
	EXPECT_RC(found, 0);
}

/* Registers that nobody but the FPU's switch looks after. */
static void fpu_fill(u64 v)
{
	__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm1; movq %0, %%xmm7; movq %0, %%xmm8; movq %0, %%xmm15" : : "r"(v));
	__asm__ volatile("fninit; pushq %0; fildq (%%rsp); fildq (%%rsp); fdivp; addq $8, %%rsp" : : "r"(v) : "memory");
}

static u64 fpu_sum(void)
{
	u64 v[5];

	__asm__ volatile("movq %%xmm0, %0; movq %%xmm1, %1; movq %%xmm7, %2; movq %%xmm8, %3; movq %%xmm15, %4"
			 : "=m"(v[0]), "=m"(v[1]), "=m"(v[2]), "=m"(v[3]), "=m"(v[4]));
	return v[0] | v[1] | v[2] | v[3] | v[4];
}

static u8 fx[512] __attribute__((aligned(16)));

static void kid_fpu_first(struct comm *c)
{
	u64 *q = (u64 *)fx;

	c->res[0] = fpu_sum();
	__asm__ volatile("fxsave %0" : "=m"(fx));
	c->res[1] = q[0];		/* control, status, tag words; last opcode */
	c->res[2] = q[1] | q[2];	/* last instruction and operand */
	c->res[3] = (u32)q[3];		/* MXCSR */
	fpu_fill(c->arg[0]);
	for (int i = 0; i < 20; i++)
		sched_op(SCHEDOP_yield, NULL);
	c->res[4] = fpu_sum();
	c->res[5] = 0x7777;
}

CASE(xsa_267, "FPU and vector registers: a new domain has the initial ones, others' never (also XSA-52, "
	"XSA-62, XSA-165, XSA-172, XSA-190, XSA-220)")
{
	for (u64 v = 0x1111222233334444; v < 0x5000000000000000; v *= 2) {
		if (!child_up(&kid, 0))
			return;
		fpu_fill(v);
		kid.comm->arg[0] = v << 8 | 0xa5;
		EXPECT(child_run(&kid, kid_fpu_first));
		EXPECT_HEX(fpu_sum(), v);
		EXPECT_HEX(kid.comm->res[0], 0);
		EXPECT_HEX(kid.comm->res[1], 0x37f);
		EXPECT_HEX(kid.comm->res[2], 0);
		EXPECT_HEX(kid.comm->res[3], 0x1f80);
		EXPECT_HEX(kid.comm->res[4], v << 8 | 0xa5);
		done(&kid);
	}
}

/* ---- device memory ------------------------------------------------------------------------------------------------ */

#define CACHING 0x98UL	/* PAT, PCD, PWT */

/* Maps the page at b8000 with each kind of caching; res: what stands in the entry. arg[0]: an address, arg[1]: its L1 table. */
static void kid_caching(struct comm *c)
{
	u64 *l1 = (u64 *)c->arg[1], old = l1[c->arg[0] >> PAGE_SHIFT & 511];

	for (unsigned i = 0; i < 8; i++) {
		u64 bits = (i & 3) << 3 | (i & 4 ? 0x80 : 0);

		c->res[i] = update_va((void *)c->arg[0], 0xb8000 | PTE_RW | bits, UVMF_INVLPG | UVMF_LOCAL);
		if (!c->res[i])
			c->res[i] = l1[c->arg[0] >> PAGE_SHIFT & 511] & CACHING;
		/* Again without any change but of the flags. */
		c->res[8 + i] = update_va((void *)c->arg[0], 0xb8000 | PTE_RO, UVMF_INVLPG | UVMF_LOCAL);
		if (!c->res[8 + i])
			c->res[8 + i] = l1[c->arg[0] >> PAGE_SHIFT & 511] & CACHING;
	}
	update_va((void *)c->arg[0], old, UVMF_INVLPG | UVMF_LOCAL);
}

CASE(xsa_154, "a domU that was given device memory does not get it cached, whatever it asks: uncached, or "
	"write-combining")
{
	struct xen_domctl d = { 0 };

	SKIP_IF(host_is_xen(), "it remembers each frame's caching, and refuses or follows");
	if (!child_up(&kid, 0))
		return;
	d.u.iomem_permission.first_mfn = 0xb8;
	d.u.iomem_permission.nr_mfns = 1;
	d.u.iomem_permission.allow_access = 1;
	NEED(!domctl(XEN_DOMCTL_iomem_permission, kid.id, &d));
	kid.comm->arg[0] = (u64)child_va(kid.extra + 5);
	kid.comm->arg[1] = (u64)child_va(kid.l1 + (kid.extra + 5) / 512);
	EXPECT(child_run(&kid, kid_caching));
	for (unsigned i = 0; i < 16; i++) {
		u64 got = kid.comm->res[i];

		if (got != 0x10 && got != 0x18 && got != 0x80 && got != 0x90 && got != 0x98)
			fail_at(__FILE__, __LINE__, "caching %u is %lx", i, got);
	}
	done(&kid);
}

/* ---- grants that are passed on ------------------------------------------------------------------------------------ */

/* Reference 20, version 2. arg[0]: to whom, arg[1]: transitive of this domain (-1: not), arg[2]: page, arg[3]: that one's ref */
static void kid_grant_v2(struct comm *c)
{
	struct gnttab_set_version v = { .version = 2 };
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	union grant_entry_v2 *t = (void *)(c->arg[2] + PAGE_SIZE);
	xen_pfn_t frame;

	c->res[0] = grant_op(GNTTABOP_set_version, &v, 1);
	set_xen_guest_handle(s.frame_list, &frame);
	c->res[1] = grant_op(GNTTABOP_setup_table, &s, 1) ? 98 : s.status;
	c->res[2] = update_va(t, frame << PAGE_SHIFT | PTE_RW, UVMF_INVLPG | UVMF_LOCAL);
	if (c->res[0] || c->res[1] || c->res[2])
		return;
	t[20].hdr.flags = 0;
	barrier();
	t[20].hdr.domid = c->arg[0];
	if (c->arg[1] >= 0) {
		t[20].transitive.trans_domid = c->arg[1];
		t[20].transitive.gref = c->arg[3];
	} else {
		t[20].full_page.frame = mfn_of((void *)c->arg[2]);
	}
	barrier();
	*(u64 *)c->arg[2] = 0xfeed0000 + c->arg[0];
	t[20].hdr.flags = c->arg[1] >= 0 ? GTF_transitive : GTF_permit_access;
}

static bool grant_v2(struct child *c, domid_t to, long via, grant_ref_t ref)
{
	c->comm->arg[0] = to;
	c->comm->arg[1] = via;
	c->comm->arg[2] = (u64)child_va(c->extra);
	c->comm->arg[3] = ref;
	return child_run(c, kid_grant_v2) && !c->comm->res[0] && !c->comm->res[1] && !c->comm->res[2];
}

static int copy_from(domid_t dom, grant_ref_t ref, void *to)
{
	struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = 8, .source = { .u.ref = ref, .domid = dom },
				 .dest.domid = DOMID_SELF, .status = 99 };

	c.dest.u.gmfn = mfn_of(to);
	return grant_op(GNTTABOP_copy, &c, 1) ? 98 : c.status;
}

static volatile u64 stop, rounds;
static u64 second_page[512] __attribute__((aligned(4096)));

static void copy_too(void *arg)
{
	while (!stop) {
		copy_from(kid.id, 20, second_page);
		copy_from(kid2.id, 20, second_page);
		rounds++;
	}
}

CASE(xsa_411, "transitive grants: passed on once, not in a ring, and two CPUs copying through two of them "
	"crosswise (also XSA-226)")
{
	u64 *a = page_alloc(), end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	if (!child_up(&kid, 0) || !child_up(&kid2, 1))
		return;
	NEED(grant_v2(&kid, kid2.id, -1, 0));
	NEED(grant_v2(&kid2, 0, kid.id, 20));
	EXPECT(copy_from(kid.id, 20, a) < 0);		/* not granted to dom0 */
	EXPECT_RC(copy_from(kid2.id, 20, a), GNTST_okay);
	EXPECT_HEX(a[0], 0xfeed0000 + kid2.id);
	NEED(grant_v2(&kid, 0, kid2.id, 20));		/* a ring */
	EXPECT(copy_from(kid2.id, 20, a) < 0);
	EXPECT(copy_from(kid.id, 20, a) < 0);
	stop = rounds = 0;
	REQUIRE_RC(vcpu_start(1, copy_too, NULL), 0);
	for (end = time_ns() + 300 * MS; run_on(end, rounds > 0); ) {
		copy_from(kid2.id, 20, a);
		copy_from(kid.id, 20, a);
	}
	stop = 1;
	EXPECT(WAIT_FOR(vcpu_op(VCPUOP_is_up, 1, NULL) == 0, 5 * SEC));
	EXPECT(rounds > 0);
	done(&kid);
	done(&kid2);
	page_free(a);
}

/* ---- domctl ------------------------------------------------------------------------------------------------------- */

CASE(xsa_127, "domctl with ranges and counts beyond all: an answer at once, no long loop (also XSA-132: "
	"what is not told is zero)")
{
	struct xen_domctl d;

	if (!child_up(&kid, 0))
		return;
	for (int i = 20; i < 64; i++) {
		memset(&d, 0, sizeof(d));
		d.u.memory_mapping.first_gfn = d.u.memory_mapping.first_mfn = 0xfed00;
		d.u.memory_mapping.nr_mfns = 1UL << i;
		d.u.memory_mapping.add_mapping = 1;
		if (domctl(XEN_DOMCTL_memory_mapping, kid.id, &d) == 0 && i > 40)
			fail_at(__FILE__, __LINE__, "2^%d frames are mapped", i);
		memset(&d, 0, sizeof(d));
		d.u.iomem_permission.first_mfn = ~0UL - (1UL << i) + 2;
		d.u.iomem_permission.nr_mfns = 1UL << i;
		d.u.iomem_permission.allow_access = 1;
		EXPECT_REFUSED(domctl(XEN_DOMCTL_iomem_permission, kid.id, &d));
		memset(&d, 0, sizeof(d));
		d.u.ioport_permission.first_port = 0xfff0;
		d.u.ioport_permission.nr_ports = i < 32 ? 1u << i : ~0u - i;
		d.u.ioport_permission.allow_access = 1;
		EXPECT_REFUSED(domctl(XEN_DOMCTL_ioport_permission, kid.id, &d));
		memset(&d, 0, sizeof(d));
		d.u.getpageframeinfo3.num = 1UL << i;
		EXPECT_REFUSED(domctl(XEN_DOMCTL_getpageframeinfo3, kid.id, &d));
		memset(&d, 0, sizeof(d));
		d.u.irq_permission.pirq = i * 1000;
		d.u.irq_permission.allow_access = 1;
		EXPECT_REFUSED(domctl(XEN_DOMCTL_irq_permission, kid.id, &d));
	}
	memset(&d, 0, sizeof(d));
	EXPECT_RC(domctl(XEN_DOMCTL_gettscinfo, kid.id, &d), 0);
	EXPECT_HEX(d.u.tsc_info.pad, 0);
	done(&kid);
}

CASE(xsa_53, "extended state that the CPU would refuse is refused when it is set, or replaced; the domain "
	"runs on or ends, the host goes on")
{
	static u8 state[4096 + 16];
	struct xen_domctl d = { 0 };
	u32 size;
	u64 mask;

	if (!child_up(&kid, 0))
		return;
	EXPECT_RC(domctl(XEN_DOMCTL_getvcpuextstate, kid.id, &d), 0);
	size = d.u.vcpuextstate.size;
	mask = d.u.vcpuextstate.xfeature_mask;
	SKIP_IF(!mask || size > sizeof(state), "no extended state");
	for (int i = 0; i < 40; i++) {
		u64 *head = (u64 *)state, *bv = (u64 *)(state + 16 + 512);

		memset(state, i & 1 ? 0xff : 0, sizeof(state));
		head[0] = i < 8 ? 1UL << i : i < 16 ? ~0UL : mask;
		head[1] = i < 24 ? mask : ~0UL;
		bv[0] = i < 12 ? mask : 1UL << (i + 20);
		bv[1] = i & 2 ? 1UL << 63 : 0;
		bv[2 + i % 6] = i & 4;
		*(u32 *)(state + 16 + 24) = i & 8 ? 0xffffffff : 0x1f80;
		memset(&d, 0, sizeof(d));
		d.u.vcpuextstate.xfeature_mask = mask;
		d.u.vcpuextstate.size = size;
		d.u.vcpuextstate.buffer.p = (void *)state;
		domctl(XEN_DOMCTL_setvcpuextstate, kid.id, &d);
		sched_op(SCHEDOP_yield, NULL);
	}
	done(&kid);
}
