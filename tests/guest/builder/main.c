/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Not a test by itself: a dom0 that builds the kernel in its module as a domU, as the toolstack does, and passes its console
 * on, each line behind "U: ". With it "run.py --domu" runs the other suites as domU without a Linux.
 */
#include "child.h"
#include <elf.h>
#include <xen/elfnote.h>
#include <xen/io/console.h>

#define PAGES 16384u	/* 64 MiB */

static xen_pfn_t p2m[PAGES] __attribute__((section(".bss.big")));

static struct {
	domid_t id;
	const u8 *elf;
	u64 base, entry, hypercall_page;	/* from the notes */
	unsigned image_end, list, si, store, console, l4, l3, l2, l1, nr_l1, stack, mapped;	/* pfns; mapped: pages */
	u64 shared_mfn;
	evtchn_port_t store_port, console_port;
} u;

static void *page_of(unsigned pfn, unsigned slot)
{
	void *w = window(slot);

	if (map_foreign(w, p2m[pfn] << PAGE_SHIFT | PTE_RW, u.id)) {
		error_at(__FILE__, __LINE__, "pfn %x cannot be mapped", pfn);
		return NULL;
	}
	return w;
}

static void read_notes(const u8 *p, const u8 *end)
{
	while (p + 12 <= end) {
		const Elf64_Nhdr *n = (const void *)p;
		const u8 *desc = p + 12 + ((n->n_namesz + 3) & ~3u);
		u64 value = 0;

		memcpy(&value, desc, n->n_descsz < 8 ? n->n_descsz : 8);
		if (n->n_type == XEN_ELFNOTE_ENTRY)
			u.entry = value;
		if (n->n_type == XEN_ELFNOTE_VIRT_BASE)
			u.base = value;
		if (n->n_type == XEN_ELFNOTE_HYPERCALL_PAGE)
			u.hypercall_page = value;
		p = desc + ((n->n_descsz + 3) & ~3u);
	}
}

static const Elf64_Phdr *phdr(unsigned i)
{
	const Elf64_Ehdr *e = (const void *)u.elf;

	return i < e->e_phnum ? (const void *)(u.elf + e->e_phoff + i * e->e_phentsize) : NULL;
}

static bool layout(void)
{
	const Elf64_Phdr *p;
	unsigned next;

	for (unsigned i = 0; (p = phdr(i)); i++) {
		unsigned end = (p->p_paddr + p->p_memsz + PAGE_SIZE - 1) / PAGE_SIZE;

		if (p->p_type == PT_NOTE)
			read_notes(u.elf + p->p_offset, u.elf + p->p_offset + p->p_filesz);
		if (p->p_type == PT_LOAD && end > u.image_end)
			u.image_end = end;
	}
	next = u.image_end;
	u.list = next;
	next += PAGES * 8 / PAGE_SIZE;
	u.si = next++;
	u.store = next++;
	u.console = next++;
	u.l4 = next++;
	u.l3 = next++;
	u.l2 = next++;
	u.l1 = next;
	u.mapped = (next + 16 + 1 + 128 + 1023) & ~1023u;
	u.nr_l1 = u.mapped / 512;
	u.stack = u.l1 + u.nr_l1;
	return u.entry && u.base && u.nr_l1 <= 16;
}

static bool create(void)
{
	struct xen_domctl d = { 0 };
	struct xen_domctl_getdomaininfo info;
	struct evtchn_alloc_unbound a = { .remote_dom = 0 };

	d.u.createdomain.max_vcpus = 3;
	d.u.createdomain.max_evtchn_port = 4095;
	d.u.createdomain.max_grant_frames = 16;
	d.u.createdomain.max_maptrack_frames = 16;
	d.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
	if (domctl(XEN_DOMCTL_createdomain, 0, &d))
		return false;
	u.id = d.domain;
	memset(&d, 0, sizeof(d));
	d.u.max_vcpus.max = 3;
	if (domctl(XEN_DOMCTL_max_vcpus, u.id, &d))
		return false;
	d.u.max_mem.max_memkb = PAGES * 4;
	if (domctl(XEN_DOMCTL_max_mem, u.id, &d) || child_info(u.id, &info))
		return false;
	u.shared_mfn = info.shared_info_frame;
	a.dom = u.id;
	if (evtchn_op(EVTCHNOP_alloc_unbound, &a))
		return false;
	u.store_port = a.port;
	if (evtchn_op(EVTCHNOP_alloc_unbound, &a))
		return false;
	u.console_port = a.port;
	return true;
}

static bool populate(void)
{
	struct xen_memory_reservation r = { .nr_extents = PAGES, .domid = u.id };

	for (unsigned i = 0; i < PAGES; i++)
		p2m[i] = i;
	set_xen_guest_handle(r.extent_start, p2m);
	return memory_op(XENMEM_populate_physmap, &r) == PAGES;
}

static bool load_image(void)
{
	const Elf64_Phdr *p;

	for (unsigned i = 0; (p = phdr(i)); i++) {
		if (p->p_type != PT_LOAD)
			continue;
		for (u64 at = 0; at < p->p_memsz; at += PAGE_SIZE) {
			u64 n = at < p->p_filesz ? p->p_filesz - at : 0;
			u8 *w = page_of((p->p_paddr + at) >> PAGE_SHIFT, 200);

			if (!w)
				return false;
			memset(w, 0, PAGE_SIZE);
			memcpy(w, u.elf + p->p_offset + at, n < PAGE_SIZE ? n : PAGE_SIZE);
		}
	}
	map_page(window(200), 0);
	return true;
}

static bool fill_info(void)
{
	char only[64];
	struct start_info *si = page_of(u.si, 200);

	if (!si)
		return false;
	memset(si, 0, PAGE_SIZE);
	memcpy(si->magic, "xen-3.0-x86_64", 15);
	si->nr_pages = PAGES;
	si->shared_info = u.shared_mfn << PAGE_SHIFT;
	si->store_mfn = p2m[u.store];
	si->store_evtchn = u.store_port;
	si->console.domU.mfn = p2m[u.console];
	si->console.domU.evtchn = u.console_port;
	si->pt_base = u.base + u.l4 * PAGE_SIZE;
	si->nr_pt_frames = 3 + u.nr_l1;
	si->mfn_list = u.base + u.list * PAGE_SIZE;
	si->first_p2m_pfn = u.list;
	si->nr_p2m_frames = PAGES * 8 / PAGE_SIZE;
	if (cmdline_get("child_case", only, sizeof(only)))
		snprintf((char *)si->cmd_line, 100, "case=%s", only);
	for (unsigned i = 0; i < PAGES * 8 / PAGE_SIZE; i++)
		memcpy(page_of(u.list + i, 201), p2m + i * 512, PAGE_SIZE);
	memset(page_of(u.store, 201), 0, PAGE_SIZE);
	memset(page_of(u.console, 202), 0, PAGE_SIZE);
	map_page(window(200), 0);
	map_page(window(201), 0);
	return true;
}

static bool fill_tables(void)
{
	u64 *l4 = page_of(u.l4, 203), *l3 = page_of(u.l3, 204), *l2 = page_of(u.l2, 205);
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = p2m[u.l4] };

	memset(l4, 0, PAGE_SIZE);
	memset(l3, 0, PAGE_SIZE);
	memset(l2, 0, PAGE_SIZE);
	l4[u.base >> 39 & 511] = p2m[u.l3] << PAGE_SHIFT | PTE_RW;
	l3[u.base >> 30 & 511] = p2m[u.l2] << PAGE_SHIFT | PTE_RW;
	for (unsigned t = 0; t < u.nr_l1; t++) {
		u64 *l1 = page_of(u.l1 + t, 206);

		l2[t] = p2m[u.l1 + t] << PAGE_SHIFT | PTE_RW;
		for (unsigned i = 0; i < 512; i++) {
			unsigned pfn = t * 512 + i;
			bool table = pfn >= u.l4 && pfn < u.stack;

			l1[i] = p2m[pfn] << PAGE_SHIFT | (table ? PTE_RO : PTE_RW);
		}
	}
	for (unsigned slot = 203; slot <= 206; slot++)
		map_page(window(slot), 0);
	return !mmuext_op(&pin, 1, NULL, u.id);
}

static long set_context(void)
{
	static struct vcpu_guest_context ctx;
	struct xen_domctl d = { 0 };
	long rc;

	d.u.hypercall_init.gmfn = p2m[(u.hypercall_page - u.base) >> PAGE_SHIFT];
	rc = domctl(XEN_DOMCTL_hypercall_init, u.id, &d);
	if (rc)
		return rc;
	ctx.flags = VGCF_IN_KERNEL | VGCF_online;
	ctx.user_regs.rip = u.entry;
	ctx.user_regs.rsi = u.base + u.si * PAGE_SIZE;
	ctx.user_regs.rsp = u.base + (u.stack + 1) * PAGE_SIZE;
	ctx.user_regs.rflags = 0x200;
	ctx.user_regs.cs = FLAT_KERNEL_CS;
	ctx.user_regs.ss = FLAT_KERNEL_SS;
	ctx.kernel_ss = FLAT_KERNEL_SS;
	ctx.kernel_sp = ctx.user_regs.rsp;
	ctx.ctrlreg[3] = xen_pfn_to_cr3(p2m[u.l4]);
	memset(&d, 0, sizeof(d));
	set_xen_guest_handle(d.u.vcpucontext.ctxt, (void *)&ctx);
	return domctl(XEN_DOMCTL_setvcpucontext, u.id, &d);
}

/* The pseudo-physical memory map that XENMEM_memory_map shows the domain. */
static long set_map(void)
{
	static struct { u64 addr, size; u32 type; } __attribute__((packed)) ram = { 0, PAGES * PAGE_SIZE, 1 };
	struct xen_foreign_memory_map m = { .domid = u.id, .map.nr_entries = 1 };

	set_xen_guest_handle(m.map.buffer, (void *)&ram);
	return memory_op(XENMEM_set_memory_map, &m);
}

/* Passes the console on, line by line, until the domain has shut down and said all. */
static unsigned relay(void)
{
	struct xencons_interface *ring = window(202);
	struct xen_domctl_getdomaininfo info = { 0 };
	static char line[300];
	unsigned n = 0;
	bool over = false;

	for (;;) {
		XENCONS_RING_IDX prod = READ_ONCE(ring->out_prod), cons = ring->out_cons;

		if (cons == prod && over)
			return info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
		over = !child_info(u.id, &info) && info.flags & XEN_DOMINF_shutdown;
		barrier();
		for (; cons != prod; cons++) {
			char c = ring->out[MASK_XENCONS_IDX(cons, ring->out)];

			if (c != '\n' && n < sizeof(line) - 1)
				line[n++] = c;
			if (c != '\n')
				continue;
			line[n] = 0;
			say("U: %s", line);
			n = 0;
		}
		barrier();
		ring->out_cons = cons;
		sched_op(SCHEDOP_yield, NULL);
	}
}

CASE(domu, "the kernel in the module is built as a domU, runs to its end, and leaves nothing")
{
	struct xen_domctl d = { 0 };
	unsigned reason;

	u.elf = (void *)start_info->mod_start;
	NEED(u.elf && !memcmp(u.elf, ELFMAG, 4));
	NEED(layout());
	NEED(create());
	NEED(populate());
	NEED(load_image());
	NEED(fill_info());
	NEED(fill_tables());
	NEED(!set_map());
	NEED(!set_context());
	REQUIRE_RC(domctl(XEN_DOMCTL_unpausedomain, u.id, &d), 0);
	reason = relay();
	EXPECT_RC(reason, SHUTDOWN_poweroff);
	map_page(window(202), 0);
	while (domctl(XEN_DOMCTL_destroydomain, u.id, &d) == -XEN_EAGAIN)
		;
	EXPECT(child_gone(u.id));
}
