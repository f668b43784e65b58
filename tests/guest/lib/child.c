/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"
#include <xen/sysctl.h>

#define PATIENCE (100 * SEC)	/* the machine may be busy */
#define COUNTERS 256	/* in debug builds there are those of locks too */

extern char shared_page[], console_page[], child_entry[];

__asm__(".pushsection .text; .global child_entry; child_entry: cld; leaq cpu_stacks + 16384, %rsp; xorl %ebp, %ebp;"
	"movq %rsi, %rdi; call child_main; ud2; .popsection");

long domctl(u32 cmd, domid_t id, struct xen_domctl *d)
{
	d->cmd = cmd;
	d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	d->domain = id;
	return HCALL1(__HYPERVISOR_domctl, d);
}

long sysctl_op(u32 cmd, void *arg)
{
	struct xen_sysctl *s = arg;

	s->cmd = cmd;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return HCALL1(__HYPERVISOR_sysctl, s);
}

u64 perf_count(const char *name, int cpu)
{
	static xen_sysctl_perfc_desc_t desc[COUNTERS];
	static xen_sysctl_perfc_val_t val[2 * COUNTERS];
	struct xen_sysctl s = { .u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query };
	u64 sum = 0;

	if (sysctl_op(XEN_SYSCTL_perfc_op, &s))
		return ~0ul;
	if (s.u.perfc_op.nr_counters > COUNTERS || s.u.perfc_op.nr_vals > ARRAY_SIZE(val)) {
		fail_at(__FILE__, __LINE__, "no room for %u counters", s.u.perfc_op.nr_counters);
		return ~0ul;
	}
	set_xen_guest_handle(s.u.perfc_op.desc, desc);
	set_xen_guest_handle(s.u.perfc_op.val, val);
	if (sysctl_op(XEN_SYSCTL_perfc_op, &s))
		return ~0ul;
	for (unsigned i = 0, at = 0; i < s.u.perfc_op.nr_counters; at += desc[i++].nr_vals)
		for (unsigned c = 0; strstr(desc[i].name, name) && c < desc[i].nr_vals; c++)
			if (cpu < 0 || c == (unsigned)cpu)
				sum += val[at + c];
	return sum;
}

u64 free_pages(void)
{
	struct xen_sysctl s = { 0 };

	return sysctl_op(XEN_SYSCTL_physinfo, &s) ? 0 : s.u.physinfo.free_pages;
}

/*
 * The hypervisor may make its tables for memory only when a domain owns it for the first time. So that this is not taken for a
 * leak, a domain owns all there is once.
 */
static void own_all_once(void)
{
	static const unsigned orders[] = { 9, 4, 0 };
	static bool done;
	struct xen_domctl d = { 0 };
	domid_t id;

	if (done)
		return;
	done = true;
	d.u.createdomain.max_vcpus = 1;
	d.u.createdomain.max_evtchn_port = 63;
	d.u.createdomain.max_grant_frames = 1;
	d.u.createdomain.max_maptrack_frames = 1;
	d.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	if (domctl(XEN_DOMCTL_createdomain, 0, &d))
		return;
	id = d.domain;
	memset(&d, 0, sizeof(d));
	d.u.max_mem.max_memkb = 1ul << 30;
	domctl(XEN_DOMCTL_max_mem, id, &d);
	for (unsigned i = 0; i < 3; i++) {
		struct xen_memory_reservation r = { .nr_extents = 1ul << 20, .extent_order = orders[i], .domid = id };

		memory_op(XENMEM_increase_reservation, &r);
	}
	memset(&d, 0, sizeof(d));
	domctl(XEN_DOMCTL_destroydomain, id, &d);
	child_gone(id);
}

/* A dead domain's last memory goes when every CPU has been idle or switched once: sleep, do not spin. */
u64 free_settled(void)
{
	u64 now, last;
	struct sched_poll p = { .nr_ports = 0 };
	int same = 0;

	own_all_once();
	now = free_pages();
	while (same < 10) {
		last = now;
		p.timeout = time_ns() + 40 * MS;
		sched_op(SCHEDOP_poll, &p);
		now = free_pages();
		same = now == last ? same + 1 : 0;
	}
	return now;
}

bool nothing_lost_but(u64 before, u64 slack)
{
	u64 now = free_settled();

	if (now + slack < before)
		fail_at(__FILE__, __LINE__, "%lu pages are free, %lu were before", now, before);
	return now + slack >= before;
}

/* The host's small-object allocator may have taken a page meanwhile; a domain that leaks loses more, ten of them ten. */
bool nothing_lost(u64 before)
{
	return nothing_lost_but(before, 2);
}

long map_foreign(void *va, u64 pte, domid_t id)
{
	return HCALL4(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, UVMF_INVLPG | UVMF_LOCAL, id);
}

void *child_va(unsigned pfn)
{
	return (void *)(VIRT_BASE + (u64)pfn * PAGE_SIZE);
}

static void *slot_va(struct child *c, unsigned n)
{
	return window(300 + 16 * c->slot + n);
}

/* ---- in the child ------------------------------------------------------------------------------------------------ */

void child_main(struct start_info *si)
{
	struct comm *comm = (void *)si->mod_start;

	start_info = si;
	event_handler = NULL;
	memset(cpus, 0, sizeof(cpus));
	memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
	traps_init();
	for (;;) {
		comm->alive++;
		if (comm->fn) {
			comm->fn(comm);
			barrier();
			comm->fn = NULL;
		}
		sched_op(SCHEDOP_yield, NULL);
	}
}

/* ---- in the parent ----------------------------------------------------------------------------------------------- */

u32 child_flags;

long child_create(struct child *c, unsigned slot)
{
	struct xen_domctl d = { 0 };
	long rc;

	memset(c, 0, sizeof(*c));
	c->slot = slot;
	for (int i = 0; i < 16; i++)
		d.u.createdomain.handle[i] = 0xa0 + slot + i;
	d.u.createdomain.flags = child_flags;
	d.u.createdomain.max_vcpus = 2;
	d.u.createdomain.max_evtchn_port = 1023;
	d.u.createdomain.max_grant_frames = 4;
	d.u.createdomain.max_maptrack_frames = 4;
	d.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
	rc = domctl(XEN_DOMCTL_createdomain, 0, &d);
	if (rc)
		return rc;
	c->id = d.domain;
	memset(&d, 0, sizeof(d));
	d.u.max_vcpus.max = 2;
	rc = domctl(XEN_DOMCTL_max_vcpus, c->id, &d);
	if (rc)
		return rc;
	d.u.max_mem.max_memkb = CHILD_PFNS * 4;
	return domctl(XEN_DOMCTL_max_mem, c->id, &d);
}

/* Decides which page is what; the core image keeps its pfns. */
static bool layout(struct child *c)
{
	unsigned next = pfn_of(_core_end);

	c->first = pfn_of(_image_start);
	c->si = next++;
	c->list = next;
	next += CHILD_PFNS * 8 / PAGE_SIZE;
	c->comm_pfn = next++;
	c->extra = next;
	next += CHILD_EXTRA;
	c->l4 = next++;
	c->l3 = next++;
	c->l2 = next++;
	c->l1 = next;
	next += 2;
	c->total = next - c->first;
	return next <= CHILD_PFNS;
}

static long populate(struct child *c)
{
	struct xen_memory_reservation r = { .nr_extents = c->total, .domid = c->id };

	for (unsigned i = 0; i < c->total; i++)
		c->mfn[c->first + i] = c->first + i;
	set_xen_guest_handle(r.extent_start, &c->mfn[c->first]);
	return memory_op(XENMEM_populate_physmap, &r) == c->total ? 0 : -XEN_ENOMEM;
}

static long fill_core(struct child *c)
{
	for (unsigned pfn = c->first; pfn < c->si; pfn++) {
		void *w = slot_va(c, 0);
		long rc = map_foreign(w, c->mfn[pfn] << PAGE_SHIFT | PTE_RW, c->id);

		if (rc)
			return rc;
		if (child_va(pfn) == shared_page || child_va(pfn) == console_page)
			memset(w, 0, PAGE_SIZE);
		else
			for (u64 *to = w, *from = child_va(pfn); from < (u64 *)child_va(pfn + 1); )
				*to++ = *from++;
	}
	return map_page(slot_va(c, 0), 0);
}

static long fill_info(struct child *c)
{
	struct start_info *si = slot_va(c, 1);
	long rc = map_foreign(si, c->mfn[c->si] << PAGE_SHIFT | PTE_RW, c->id);

	for (unsigned i = 0; !rc && i < CHILD_PFNS * 8 / PAGE_SIZE; i++) {
		u64 *list = slot_va(c, 2);

		rc = map_foreign(list, c->mfn[c->list + i] << PAGE_SHIFT | PTE_RW, c->id);
		for (unsigned n = 0; !rc && n < 512; n++)
			list[n] = c->mfn[i * 512 + n];
	}
	if (rc)
		return rc;
	memset(si, 0, PAGE_SIZE);
	memcpy(si->magic, "xen-3.0-x86_64", 15);
	si->nr_pages = CHILD_PFNS;
	si->shared_info = c->shared_mfn << PAGE_SHIFT;
	si->pt_base = (u64)child_va(c->l4);
	si->nr_pt_frames = 5;
	si->mfn_list = (u64)child_va(c->list);
	si->mod_start = (u64)child_va(c->comm_pfn);
	map_page(si, 0);
	return map_page(slot_va(c, 2), 0);
}

static long fill_tables(struct child *c)
{
	u64 *t[5];
	long rc = 0;

	for (unsigned i = 0; i < 5; i++) {
		t[i] = slot_va(c, 3 + i);
		rc = rc ? rc : map_foreign(t[i], c->mfn[c->l4 + i] << PAGE_SHIFT | PTE_RW, c->id);
	}
	if (rc)
		return rc;
	for (unsigned i = 0; i < 5; i++)
		memset(t[i], 0, PAGE_SIZE);
	t[0][VIRT_BASE >> 39 & 511] = c->mfn[c->l3] << PAGE_SHIFT | PTE_RW;
	t[1][VIRT_BASE >> 30 & 511] = c->mfn[c->l2] << PAGE_SHIFT | PTE_RW;
	t[2][0] = c->mfn[c->l1] << PAGE_SHIFT | PTE_RW;
	t[2][1] = c->mfn[c->l1 + 1] << PAGE_SHIFT | PTE_RW;
	for (unsigned pfn = c->first; pfn < c->first + c->total; pfn++) {
		u64 flags = pfn >= c->l4 ? PTE_RO : PTE_RW;
		u64 mfn = child_va(pfn) == shared_page ? c->shared_mfn : c->mfn[pfn];

		t[3 + pfn / 512][pfn % 512] = mfn << PAGE_SHIFT | flags;
	}
	for (unsigned i = 0; i < 5; i++)
		map_page(t[i], 0);
	return 0;
}

static long pin(struct child *c)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = c->mfn[c->l4] };

	return mmuext_op(&op, 1, NULL, c->id);
}

static long set_context(struct child *c)
{
	static struct vcpu_guest_context ctx;
	struct xen_domctl d = { 0 };

	memset(&ctx, 0, sizeof(ctx));
	ctx.flags = VGCF_IN_KERNEL | VGCF_online;
	ctx.user_regs.rip = (u64)child_entry;
	ctx.user_regs.rsi = (u64)child_va(c->si);
	ctx.user_regs.rsp = (u64)cpu_stacks[0] + STACK_SIZE;
	ctx.user_regs.rflags = 0x202;
	ctx.user_regs.cs = FLAT_KERNEL_CS;
	ctx.user_regs.ss = FLAT_KERNEL_SS;
	ctx.kernel_ss = FLAT_KERNEL_SS;
	ctx.kernel_sp = (u64)cpu_stacks[0] + STACK_SIZE;
	ctx.ctrlreg[3] = xen_pfn_to_cr3(c->mfn[c->l4]);
	set_xen_guest_handle(d.u.vcpucontext.ctxt, (void *)&ctx);
	return domctl(XEN_DOMCTL_setvcpucontext, c->id, &d);
}

long child_build(struct child *c)
{
	struct xen_domctl_getdomaininfo info;
	struct xen_domctl d = { 0 };
	long rc;

	if (!layout(c))
		return -XEN_E2BIG;
	rc = child_info(c->id, &info);
	c->shared_mfn = info.shared_info_frame;
	rc = rc ? rc : populate(c);
	rc = rc ? rc : fill_core(c);
	d.u.hypercall_init.gmfn = c->mfn[pfn_of(hypercall_page)];
	rc = rc ? rc : domctl(XEN_DOMCTL_hypercall_init, c->id, &d);
	rc = rc ? rc : fill_info(c);
	rc = rc ? rc : fill_tables(c);
	rc = rc ? rc : pin(c);
	rc = rc ? rc : set_context(c);
	c->comm = slot_va(c, 8);
	rc = rc ? rc : map_foreign(c->comm, c->mfn[c->comm_pfn] << PAGE_SHIFT | PTE_RW, c->id);
	if (!rc)
		memset(c->comm, 0, PAGE_SIZE);
	return rc;
}

long child_start(struct child *c)
{
	struct xen_domctl d = { 0 };
	long rc = domctl(XEN_DOMCTL_unpausedomain, c->id, &d);

	return rc ? rc : WAIT_FOR(c->comm->alive > 1, PATIENCE) ? 0 : -XEN_ETIMEDOUT;
}

bool child_up(struct child *c, unsigned slot)
{
	long rc = child_create(c, slot);

	rc = rc ? rc : child_build(c);
	rc = rc ? rc : child_start(c);
	if (rc)
		error_at(__FILE__, __LINE__, "a child could not be built: %ld", rc);
	return !rc;
}

bool child_run(struct child *c, void (*fn)(struct comm *))
{
	c->comm->fn = fn;
	return WAIT_FOR(!c->comm->fn, PATIENCE);
}

long child_info(domid_t id, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl d = { 0 };
	long rc = domctl(XEN_DOMCTL_getdomaininfo, id, &d);

	*info = d.u.getdomaininfo;
	return rc ? rc : d.domain == id ? 0 : -XEN_ESRCH;
}

long child_destroy(struct child *c)
{
	struct xen_domctl d = { 0 };
	long rc;

	if (c->comm)
		map_page(c->comm, 0);
	c->comm = NULL;
	do {
		rc = domctl(XEN_DOMCTL_destroydomain, c->id, &d);
	} while (rc == -XEN_EAGAIN);
	return rc;
}

bool child_gone(domid_t id)
{
	struct xen_domctl_getdomaininfo info;

	return WAIT_FOR(child_info(id, &info) == -XEN_ESRCH, PATIENCE);
}
