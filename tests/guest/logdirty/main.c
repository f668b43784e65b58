/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of a domain's writes (XEN_DOMCTL_shadow_op), by which it is moved to another host while it runs.
 *
 * What could be wrong: a page is written and is not in the bitmap, and the other host gets its old contents;
 * all pages are in it always, and the move never ends; the shadow tables, on which the domain runs meanwhile,
 * map what its own tables do not, or hide from it what the CPU would tell. How it is provoked: a child writes
 * in every way there is: stores, page-table updates, what the host writes for it, grants, mappings of its pages
 * by dom0. Its bitmap must have these pages and no other. What a mover does is done: pages of each bitmap are
 * copied while the child churns, and in the end the copies must be the same as the child's memory. A wrong
 * host: a page that is missing, or that is there and was not written; a child that crashes.
 */
#include "log.h"
#include <xen/grant_table.h>

#define CLEAN XEN_DOMCTL_SHADOW_OP_CLEAN
#define PEEK XEN_DOMCTL_SHADOW_OP_PEEK
#define ENABLE XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY
#define OFF XEN_DOMCTL_SHADOW_OP_OFF

/* Xen as Debian builds it has no such log. */
#define NEED_LOG() SKIP_IF(host_is_xen(), "this Xen logs no writes of PV guests")

CASE(refused, "what is off is not read, nor turned on twice, nor by a domain for itself; modes and pointers are checked")
{
	static u8 small[2];

	NEED_LOG();
	EXPECT_RC(shadow_op(DOMID_SELF, ENABLE, NULL, 0), -XEN_EINVAL);
	EXPECT_RC(shadow_op(0, OFF, NULL, 0), -XEN_EINVAL);
	EXPECT_RC(shadow_op(4321, ENABLE, NULL, 0), -XEN_ESRCH);
	if (!child_up(&kid, 0))
		return;
	EXPECT_RC(shadow_op(kid.id, CLEAN, dirty, CHILD_PFNS), -XEN_EINVAL);
	EXPECT_RC(shadow_op(kid.id, PEEK, dirty, CHILD_PFNS), -XEN_EINVAL);
	EXPECT_RC(shadow_op(kid.id, OFF, NULL, 0), 0);
	EXPECT_RC(shadow_op(kid.id, XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, NULL, 0), -XEN_EOPNOTSUPP);
	EXPECT_RC(shadow_op(kid.id, 999, NULL, 0), -XEN_EOPNOTSUPP);
	EXPECT_RC(shadow_op(kid.id, ENABLE, NULL, 0), 0);
	EXPECT_RC(shadow_op(kid.id, ENABLE, NULL, 0), -XEN_EINVAL);
	EXPECT_RC(shadow_op(kid.id, CLEAN, BAD_PTR, CHILD_PFNS), -XEN_EFAULT);
	EXPECT_RC(shadow_op(kid.id, CLEAN, dirty, ~0ul), -XEN_EINVAL);
	/* A short bitmap is not overrun; what did not fit stays. */
	small[1] = 0x55;
	EXPECT_RC(shadow_op(kid.id, CLEAN, small, 5), 0);
	EXPECT_RC(small[1], 0x55);
	EXPECT_RC(log_read(false), 0);
	EXPECT(is_dirty(kid.comm_pfn));
	EXPECT_RC(shadow_op(kid.id, PEEK, NULL, 0), 0);
	EXPECT(stats.dirty_count > 0);
	kid_idle();
	EXPECT_RC(shadow_op(kid.id, OFF, NULL, 0), 0);
	kid_idle();
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
}

/* ---- stores ------------------------------------------------------------------------------------------------------ */

static void kid_nothing(struct comm *c) { c->res[0] = 1; }

static void kid_read(struct comm *c)
{
	for (unsigned i = 0; i < ARENA; i++)
		c->res[0] += READ_ONCE(arena[i][5]);
}

static void kid_store(struct comm *c)
{
	arena[1][0]++;
	__asm__ volatile("lock incl %0" : "+m"(*(u32 *)&arena[3][4092]));
	*(u64 *)&arena[4][4092] = 0x1122334455667788;	/* 4 and 5 */
	for (u64 *p = (u64 *)arena[7]; p < (u64 *)arena[9]; p++)
		*p = (u64)p;
	__asm__ volatile("rep stosb" : : "D"(arena[10]), "a"(7), "c"(2 * 4096) : "memory");
	__asm__ volatile("xchg %%rsp, %0; push %0; pop %0; xchg %%rsp, %0" : : "r"(&arena[14][8]) : "memory");
	__asm__ volatile("lock cmpxchgl %1, %0" : "+m"(*(u32 *)arena[20]) : "r"(1), "a"(0x77777777) : "memory");
}

static void want_stores(void)
{
	static const u8 pages[] = { 1, 3, 4, 5, 7, 8, 10, 11, 14, 20 };

	want_none();
	for (unsigned i = 0; i < sizeof(pages); i++)
		want_page(arena[pages[i]], MUST);
}

CASE(stores, "stores of all kinds, over page borders and by the stack, are in the bitmap, each round anew; reads are not")
{
	NEED_LOG();
	if (!log_up())
		return;
	want_none();
	check_run("nothing", kid_nothing);
	/* The first time tables get accessed and dirty bits, which are writes to these. */
	want[kid.l1] = want[kid.l1 + 1] = MAY;
	check_run("first reads", kid_read);
	want_none();
	check_run("reads", kid_read);
	want_stores();
	want[kid.l1] = want[kid.l1 + 1] = MAY;
	check_run("first stores", kid_store);
	want_stores();
	for (unsigned i = 0; i < 3; i++)
		check_run("stores", kid_store);
	want_none();
	check_run("nothing", kid_nothing);
	log_down();
}

CASE(peek, "PEEK shows the same again and again, CLEAN once; what was written before CLEAN failed is not lost")
{
	NEED_LOG();
	if (!log_up())
		return;
	EXPECT_RC(log_read(true), 0);
	EXPECT(child_run(&kid, kid_store));
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_RC(log_read(false), 0);
		EXPECT(is_dirty(pfn_of(arena[3])) && !is_dirty(pfn_of(arena[2])));
	}
	EXPECT_RC(shadow_op(kid.id, CLEAN, BAD_PTR, CHILD_PFNS), -XEN_EFAULT);
	EXPECT_RC(shadow_op(kid.id, CLEAN, dirty, pfn_of(arena[0])), 0);
	EXPECT_RC(log_read(true), 0);
	EXPECT(is_dirty(pfn_of(arena[3])) && is_dirty(pfn_of(arena[20])));
	EXPECT_RC(log_read(true), 0);
	EXPECT(!is_dirty(pfn_of(arena[3])));
	log_down();
}

/* ---- page tables ------------------------------------------------------------------------------------------------- */

static u64 l1_of(const void *va) { return pte_ptr(va, 1) >> PAGE_SHIFT; }

static void kid_tables(struct comm *c)
{
	c->res[0] = page_ro(arena[1]);				/* update_va_mapping */
	c->res[1] = CATCH(*(volatile char *)arena[1] = 1);
	c->res[2] = page_rw(arena[1]);
	c->res[3] = set_pte(pte_ptr(arena[2], 1), mfn_of(arena[2]) << PAGE_SHIFT | PTE_RO);
	c->res[4] = set_pte(pte_ptr(arena[2], 1), mfn_of(arena[2]) << PAGE_SHIFT | PTE_RW);
	*pte_va(arena[3], 1) = mfn_of(arena[3]) << PAGE_SHIFT | PTE_RO;	/* emulated */
	ext_op(MMUEXT_INVLPG_LOCAL, (u64)arena[3], 0);
	c->res[5] = CATCH(*(volatile char *)arena[3] = 1);
	*pte_va(arena[3], 1) = mfn_of(arena[3]) << PAGE_SHIFT | PTE_RW;
	c->res[6] = l1_of(arena[0]) == mfn_of((char *)start_info->pt_base + 3 * PAGE_SIZE);
}

static void kid_retype(struct comm *c)
{
	c->res[0] = page_ro(arena[5]);
	c->res[1] = ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(arena[5]), 0);
	c->res[2] = ext_op(MMUEXT_UNPIN_TABLE, mfn_of(arena[5]), 0);
	c->res[3] = page_rw(arena[5]);
	c->res[4] = ext_op(MMUEXT_CLEAR_PAGE, mfn_of(arena[6]), 0);
	c->res[5] = ext_op(MMUEXT_COPY_PAGE, mfn_of(arena[8]), mfn_of(arena[7]));
	c->res[6] = set_pte(mfn_of(arena[9]) << PAGE_SHIFT | 16, 0x1234);	/* mmu_update of plain memory */
	c->res[7] = HCALL2(__HYPERVISOR_update_descriptor, mfn_of(arena[10]) << PAGE_SHIFT, 0);
}

/* The child's flags of its pages are new: accessed and dirty bits come again. */
static void kid_fresh_bits(struct comm *c)
{
	u64 *e = pte_va(arena[30], 1);

	*e &= ~(PTE_A | PTE_D);
	ext_op(MMUEXT_INVLPG_LOCAL, (u64)arena[30], 0);
	c->res[0] = *e & (PTE_A | PTE_D);
	READ_ONCE(arena[30][0]);
	c->res[1] = *e & (PTE_A | PTE_D);
	arena[30][0] = 1;
	c->res[2] = *e & (PTE_A | PTE_D);
}

CASE(tables, "updates of page tables by every way are obeyed at once and are in the bitmap; so are pages whose use changes")
{
	NEED_LOG();
	if (!log_up())
		return;
	for (unsigned i = 0; i < 3; i++) {
		want_none();
		want[kid.l1] = MUST;
		want_page(cpus, MAY);	/* traps are noted there */
		check_run("tables", kid_tables);
		for (unsigned n = 0; n < 6; n++)
			EXPECT_RC(kid.comm->res[n], n == 1 || n == 5 ? X_PF : 0);
		EXPECT_RC(kid.comm->res[6], 1);
		want_none();
		want[kid.l1] = MUST;
		want_page(arena[5], MUST);
		want_page(arena[6], MUST);
		want_page(arena[8], MUST);
		want_page(arena[9], MUST);
		want_page(arena[10], MUST);
		check_run("types", kid_retype);
		for (unsigned n = 0; n < 8; n++)
			EXPECT_RC(kid.comm->res[n], 0);
		want_none();
		want[kid.l1] = MUST;
		want_page(arena[30], MUST);
		check_run("bits", kid_fresh_bits);
		EXPECT_HEX(kid.comm->res[0], 0);
		EXPECT_HEX(kid.comm->res[1], PTE_A);
		EXPECT_HEX(kid.comm->res[2], PTE_A | PTE_D);
	}
	log_down();
}

/* Reads its tables by an L4 entry that maps the L4 itself, and tries to write them so. */
static void kid_linear(struct comm *c)
{
	u64 l4 = mfn_of((void *)start_info->pt_base), va = (u64)arena[2];
	u64 *linear = (u64 *)(0xffff000000000000 | 100ul << 39);
	u64 *pe = linear + (va >> 12 & 0xfffffffff), *pe2 = linear + (100ul << 27) + (va >> 21 & 0x7ffffff);

	c->res[0] = set_pte(l4 << PAGE_SHIFT | 100 * 8, l4 << PAGE_SHIFT | PTE_RO);
	linear = (u64 *)(100ul << 39);
	pe = linear + (va >> 12 & 0xfffffffff);
	pe2 = linear + (100ul << 27) + (va >> 21 & 0x7ffffff);
	c->res[1] = CATCH(c->res[2] = *(volatile u64 *)pe ^ pte_read(arena[2], 1));
	c->res[3] = CATCH(c->res[4] = *(volatile u64 *)pe2 ^ pte_read(arena[2], 2));
	page_ro(arena[2]);
	c->res[5] = *(volatile u64 *)pe ^ pte_read(arena[2], 1);
	page_rw(arena[2]);
	c->res[6] = CATCH(*(volatile u64 *)pe2 = 0);
	c->res[7] = CATCH(READ_ONCE(linear[(100ul << 27) + (100ul << 18) + (256ul << 9)]));	/* the hypervisor's part */
	c->res[8] = set_pte(l4 << PAGE_SHIFT | 100 * 8, 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	c->res[9] = CATCH(READ_ONCE(*pe));
}

CASE(linear, "an L4 that maps itself shows the child its own tables, not those that it runs on; and cannot be written")
{
	NEED_LOG();
	if (!log_up())
		return;
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(child_run(&kid, kid_linear));
		for (unsigned n = 0; n < 9; n++)
			if (n == 1 || n == 3)
				EXPECT_RC(kid.comm->res[n], -1);
			else if (n == 6 || n == 7)
				EXPECT_RC(kid.comm->res[n], X_PF);
			else
				EXPECT_HEX(kid.comm->res[n], 0);
		EXPECT_RC(kid.comm->res[9], X_PF);
	}
	log_down();
}

/* ---- what the host writes ---------------------------------------------------------------------------------------- */

static void kid_outputs(struct comm *c)
{
	struct vcpu_register_runstate_memory_area r = { .addr.p = 0 };
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

	c->res[0] = xen_version(XENVER_extraversion, arena[1]);
	c->res[1] = xen_version(XENVER_capabilities, arena[2] + 3500);	/* 2 and 3 */
	c->res[2] = mmuext_op(&op, 1, arena[5], DOMID_SELF);
	r.addr.p = (u64)arena[6];
	c->res[3] = vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r);
	r.addr.p = 0;
	vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r);
	/* A trap's frame on another stack, in whose lowest page the number of the vCPU is 0. */
	c->res[4] = CATCH(__asm__ volatile("mov %0, %%rsp; ud2" : : "r"(&arena[9][256])));
}

static void kid_register_info(struct comm *c)
{
	struct vcpu_register_vcpu_info i = { .mfn = mfn_of(arena[40]), .offset = 64 };

	c->res[0] = vcpu_op(VCPUOP_register_vcpu_info, 1, &i);
}

CASE(outputs, "what hypercalls write, trap frames on a stack, runstate areas; a vcpu_info is in every bitmap")
{
	NEED_LOG();
	if (!log_up())
		return;
	EXPECT(child_run(&kid, kid_outputs));
	for (unsigned i = 0; i < 2; i++) {
		want_none();
		want_page(arena[1], MUST);
		want_page(arena[2], MUST);
		want_page(arena[3], MAY);
		want_page(arena[5], MUST);
		want_page(arena[6], MUST);
		want_page(arena[9], MUST);
		want_page(arena[8], MAY);	/* the handler's */
		want_page(cpus, MAY);
		check_run("outputs", kid_outputs);
		EXPECT(kid.comm->res[0] >= 0);
		EXPECT_RC(kid.comm->res[2], 0);
		EXPECT_RC(kid.comm->res[3], 0);
	}
	EXPECT(child_run(&kid, kid_register_info));
	EXPECT_RC(kid.comm->res[0], 0);
	for (unsigned i = 0; i < 3; i++) {
		want_none();
		want_page(arena[40], MUST);
		if (!i)
			EXPECT_RC(log_read(true), 0);
		check_log("vcpu_info");
	}
	log_down();
}

/* ---- others' writes ---------------------------------------------------------------------------------------------- */

CASE(foreign, "a page that dom0 maps writable is in every bitmap till it is unmapped, and once more; one mapped read-only never")
{
	void *w = window(100), *r = window(101);
	u64 rw, ro;

	NEED_LOG();
	if (!log_up())
		return;
	rw = kid.mfn[pfn_of(arena[12])] << PAGE_SHIFT | PTE_RW;
	ro = kid.mfn[pfn_of(arena[13])] << PAGE_SHIFT | PTE_RO;
	REQUIRE_RC(map_foreign(w, rw, kid.id), 0);
	REQUIRE_RC(map_foreign(r, ro, kid.id), 0);
	want_none();
	want_page(arena[12], MUST);
	for (unsigned i = 0; i < 3; i++)
		check_log("mapped");
	EXPECT_RC(map_foreign(w, (rw & ~PTE_W), kid.id), 0);	/* the right goes, the mapping stays */
	check_log("once more");
	want_none();
	check_log("read-only");
	EXPECT_RC(map_foreign(w, rw, kid.id), 0);
	EXPECT_RC(map_page(w, 0), 0);
	EXPECT_RC(map_page(r, 0), 0);
	want_page(arena[12], MUST);
	check_log("unmapped");
	want_none();
	check_log("gone");
	/* Many mappings at once are no different. */
	for (unsigned i = 0; i < 100; i++)
		EXPECT_RC(map_foreign(window(100 + i), rw, kid.id), 0);
	want_page(arena[12], MUST);
	check_log("many");
	for (unsigned i = 0; i < 100; i++)
		EXPECT_RC(map_page(window(100 + i), 0), 0);
	check_log("many unmapped");
	log_down();
}

/* Grants of the child, written by dom0 as the toolstack may: its grant table's first frame is mapped here. */
static grant_entry_v1_t *kid_grants(void)
{
	static xen_pfn_t frame;
	struct gnttab_setup_table s = { .dom = kid.id, .nr_frames = 1 };

	set_xen_guest_handle(s.frame_list, &frame);
	if (grant_op(GNTTABOP_setup_table, &s, 1) || s.status ||
	    map_foreign(window(110), frame << PAGE_SHIFT | PTE_RW, kid.id)) {
		error_at(__FILE__, __LINE__, "no grant table: %d", s.status);
		return NULL;
	}
	return window(110);
}

static int grant_map(void *va, u32 ref, u32 flags, grant_handle_t *h)
{
	struct gnttab_map_grant_ref m = { .host_addr = (u64)va, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = kid.id };

	if (grant_op(GNTTABOP_map_grant_ref, &m, 1))
		return -1;
	*h = m.handle;
	return m.status;
}

static int grant_unmap(void *va, grant_handle_t h)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)va, .handle = h };

	return grant_op(GNTTABOP_unmap_grant_ref, &u, 1) ? -1 : u.status;
}

CASE(grants, "granted pages: in every bitmap while mapped writable, and once more; by copies to them once; by reads never")
{
	grant_entry_v1_t *g;
	grant_handle_t h, hr;
	struct gnttab_copy copy = { .flags = GNTCOPY_dest_gref, .len = 100 };
	void *own = page_alloc();

	NEED_LOG();
	if (!log_up())
		return;
	g = kid_grants();
	if (!g)
		return;
	for (unsigned i = 0; i < 3; i++) {
		g[10 + i].domid = 0;
		g[10 + i].frame = kid.mfn[pfn_of(arena[15 + i])];
		barrier();
		g[10 + i].flags = GTF_permit_access;
	}
	REQUIRE_RC(grant_map(window(111), 10, 0, &h), 0);
	REQUIRE_RC(grant_map(window(112), 11, GNTMAP_readonly, &hr), 0);
	want_none();
	want_page(arena[15], MUST);
	for (unsigned i = 0; i < 3; i++)
		check_log("mapped");
	*(volatile int *)window(111) = 5;
	EXPECT_RC(grant_unmap(window(111), h), 0);
	EXPECT_RC(grant_unmap(window(112), hr), 0);
	check_log("unmapped");
	want_none();
	check_log("gone");
	copy.source.u.gmfn = mfn_of(own);
	copy.source.domid = DOMID_SELF;
	copy.dest.u.ref = 12;
	copy.dest.domid = kid.id;
	EXPECT_RC(grant_op(GNTTABOP_copy, &copy, 1), 0);
	EXPECT_RC(copy.status, 0);
	want_page(arena[17], MUST);
	check_log("copied to");
	want_none();
	copy = (struct gnttab_copy){ .flags = GNTCOPY_source_gref, .len = 100 };
	copy.dest.u.gmfn = mfn_of(own);
	copy.dest.domid = DOMID_SELF;
	copy.source.u.ref = 12;
	copy.source.domid = kid.id;
	EXPECT_RC(grant_op(GNTTABOP_copy, &copy, 1), 0);
	EXPECT_RC(copy.status, 0);
	check_log("copied from");
	map_page(window(110), 0);
	page_free(own);
	slack = 8;	/* dom0's first handles */
	log_down();
	slack = 2;
}
