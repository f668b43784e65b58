/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published advisories on memory of PV guests, page types and memory_op (docs/advisories.md), one case each, named for it.
 *
 * What could be wrong: a frame's type and references decide whether the guest may write its page tables; short cuts, races and
 * error paths have lost them. Sizes, orders and addresses of memory_op are the guest's word.
 * How it is provoked: as each advisory tells; races by a second vCPU that writes, maps, or gives pages away all the time.
 * A wrong host: has a writable mapping of a page table, writes where the guest says in its own memory, loses a frame.
 */
#include "xsa_memory.h"

u64 pages_now(void)
{
	return memory_op(XENMEM_current_reservation, &(domid_t){ DOMID_SELF });
}

bool page_idle(void *page)
{
	memset(page, 0, PAGE_SIZE);
	if (page_ro(page) || ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0))
		return false;
	return !ext_op(MMUEXT_UNPIN_TABLE, mfn_of(page), 0) && !page_rw(page);
}

/* ---- page tables -------------------------------------------------------------------------------------------------- */

/* Three tables for slot 300 of the L4, empty but for each other; t[2] is the L1. */
static bool tables_up(u64 *t[3])
{
	for (int i = 0; i < 3; i++)
		t[i] = page_alloc();
	t[0][0] = mfn_of(t[1]) << PAGE_SHIFT | PTE_RW;
	t[1][0] = mfn_of(t[2]) << PAGE_SHIFT | PTE_RW;
	for (int i = 0; i < 3; i++)
		if (page_ro(t[i]))
			return false;
	return !ext_op(MMUEXT_PIN_L3_TABLE, mfn_of(t[0]), 0);
}

static void tables_down(u64 *t[3])
{
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[0]), 0), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_RC(page_rw(t[i]), 0);
		EXPECT(page_idle(t[i]));
		page_free(t[i]);
	}
}

static u64 at(const u64 *entry)
{
	return mfn_of(entry) << PAGE_SHIFT | ((u64)entry & 4095);
}

CASE(xsa_148, "an L2 entry does not become a large page by a change of flags alone (also XSA-167, XSA-182)")
{
	u64 *t[3], l2e, l3e;

	NEED(tables_up(t));
	l2e = mfn_of(t[2]) << PAGE_SHIFT | PTE_RW;
	l3e = mfn_of(t[1]) << PAGE_SHIFT | PTE_RW;
	EXPECT_REFUSED(set_pte(at(&t[1][0]), l2e | PTE_PSE));
	EXPECT_REFUSED(set_pte(at(&t[1][0]), (l2e | PTE_PSE) & ~PTE_A));
	EXPECT_REFUSED(set_pte(at(&t[1][0]) | MMU_PT_UPDATE_PRESERVE_AD, l2e | PTE_PSE));
	EXPECT_REFUSED(set_pte(at(&t[0][0]), l3e | PTE_PSE));
	EXPECT_REFUSED(set_pte(at(&t[0][0]) | MMU_PT_UPDATE_PRESERVE_AD, l3e | PTE_PSE));
	EXPECT_REFUSED(set_pte(at(&t[1][1]), 0x200000 | PTE_RW | PTE_PSE));
	EXPECT_RC(t[1][0] & PTE_PSE, 0);
	EXPECT_RC(t[0][0] & PTE_PSE, 0);
	EXPECT_REFUSED(ext_op(MMUEXT_MARK_SUPER, mfn_of(t[2]) & ~511UL, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_UNMARK_SUPER, mfn_of(t[2]) & ~511UL, 0));
	tables_down(t);
}

CASE(xsa_182, "an L4 that maps itself read-only does not become writable by a change of flags alone")
{
	u64 base = mfn_of((void *)start_info->pt_base) << PAGE_SHIFT, e = base + 301 * 8;

	if (set_pte(e, base | PTE_RO))
		return;		/* a host may refuse it altogether */
	EXPECT_REFUSED(set_pte(e, base | PTE_RW));
	EXPECT_REFUSED(set_pte(e, base | PTE_P | PTE_W));
	EXPECT_REFUSED(set_pte(e | MMU_PT_UPDATE_PRESERVE_AD, base | PTE_RW));
	EXPECT_RC(*pte_va((void *)(0xffffUL << 48 | 301UL << 39), 4) & PTE_W, 0);
	EXPECT_RC(set_pte(e, base | PTE_RO | 0x200), 0);
	EXPECT_RC(set_pte(e, 0), 0);
}

/* Tables of one level that map each other or themselves: refused, or taken and given back without a trace. */
static void linear(unsigned pin, unsigned n)
{
	u64 *t[8];

	for (unsigned i = 0; i < n; i++) {
		t[i] = page_alloc();
		NEED(!page_ro(t[i]));
		if (ext_op(pin, mfn_of(t[i]), 0))
			fail_at(__FILE__, __LINE__, "an empty table is refused");
	}
	for (unsigned i = 0; i < n; i++) {
		set_pte(at(&t[i][7]), mfn_of(t[i]) << PAGE_SHIFT | PTE_RO);
		set_pte(at(&t[i][8]), mfn_of(t[(i + 1) % n]) << PAGE_SHIFT | PTE_RO);
		EXPECT_REFUSED(set_pte(at(&t[i][9]), mfn_of(t[(i + 1) % n]) << PAGE_SHIFT | PTE_RW));
	}
	for (unsigned i = 0; i < n; i++)
		EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[i]), 0), 0);
	for (unsigned i = 0; i < n; i++) {
		if (page_rw(t[i])) {	/* a ring holds itself until it is broken */
			set_pte(at(&t[i][7]), 0);
			set_pte(at(&t[i][8]), 0);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		page_rw(t[i]);
		EXPECT(page_idle(t[i]));
		page_free(t[i]);
	}
}

CASE(xsa_240, "tables that map tables of their own level, themselves and in rings: no depth, no count is "
	"lost (also XSA-299, XSA-309)")
{
	linear(MMUEXT_PIN_L2_TABLE, 8);
	linear(MMUEXT_PIN_L3_TABLE, 8);
	linear(MMUEXT_PIN_L4_TABLE, 8);
	linear(MMUEXT_PIN_L2_TABLE, 1);
	linear(MMUEXT_PIN_L4_TABLE, 1);
}

CASE(xsa_242, "stores to a page table that are refused or undone take nothing: the page can be a table "
	"after (also XSA-58)")
{
	u64 *t[3], *page = page_alloc(), bad = 0xfffffffff000UL | PTE_RW, e = mfn_of(page) << PAGE_SHIFT | PTE_RW;

	HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	NEED(tables_up(t));
	for (int i = 0; i < 200; i++) {
		volatile u64 *p = &t[2][i % 512];
		u64 old = 1;

		EXPECT_RC(CATCH(*p = e), -1);
		EXPECT_RC(CATCH(*p = bad), X_PF);
		EXPECT_RC(CATCH(__asm__ volatile("lock cmpxchgq %2, %1" : "+a"(old), "+m"(*p) : "r"(e) : "memory")), -1);
		EXPECT_RC(set_pte(at((u64 *)p), e), 0);
		EXPECT_REFUSED(set_pte(at((u64 *)p), mfn_of(t[1]) << PAGE_SHIFT | PTE_RW));
		EXPECT_RC(set_pte(at((u64 *)p), e & ~PTE_W), 0);
		EXPECT_RC(set_pte(at((u64 *)p), e), 0);
		EXPECT_RC(CATCH(*p = 0), -1);
	}
	EXPECT(page_idle(page));
	page_free(page);
	tables_down(t);
}

CASE(xsa_113, "thousands of M2P updates hold no reference: the frame can be given back (also XSA-251: any "
	"value may stand there)")
{
	u64 *a = page_alloc(), mfn = mfn_of(a), before = pages_now();
	static const u64 value[] = { 0, 1, ~0UL, 1UL << 63, 0x5555555555555555, 0xffffffff, 1UL << 40 };
	xen_pfn_t frame = mfn, pfn = pfn_of(a);
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	for (int i = 0; i < 2000; i++)
		EXPECT_RC(set_pte(mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, value[i % ARRAY_SIZE(value)]), 0);
	for (int i = 0; i < 500; i++)
		EXPECT_REFUSED(set_pte(0xfffffffff000UL | MMU_MACHPHYS_UPDATE, 5));
	EXPECT_RC(map_page(a, 0), 0);
	set_xen_guest_handle(r.extent_start, &frame);
	EXPECT_RC(memory_op(XENMEM_decrease_reservation, &r), 1);
	EXPECT_RC(pages_now(), before - 1);
	set_xen_guest_handle(r.extent_start, &pfn);
	REQUIRE_RC(memory_op(XENMEM_populate_physmap, &r), 1);
	((u64 *)start_info->mfn_list)[pfn_of(a)] = pfn;
	EXPECT_RC(page_rw(a), 0);
	page_free(a);
}

CASE(xsa_248, "pages of the host's that are shared with the guest become neither tables nor descriptors, "
	"and do not go away")
{
	u64 mfn = start_info->shared_info >> PAGE_SHIFT, before = pages_now();
	xen_pfn_t frame = mfn;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF }, .out = { .nr_extents = 1, .domid = DOMID_SELF },
	};

	for (unsigned op = MMUEXT_PIN_L1_TABLE; op <= MMUEXT_PIN_L4_TABLE; op++)
		EXPECT_REFUSED(ext_op(op, mfn, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_NEW_BASEPTR, mfn, 0));
	EXPECT_REFUSED(HCALL2(__HYPERVISOR_set_gdt, &mfn, 512));
	set_xen_guest_handle(r.extent_start, &frame);
	memory_op(XENMEM_decrease_reservation, &r);
	set_xen_guest_handle(x.in.extent_start, &frame);
	set_xen_guest_handle(x.out.extent_start, &frame);
	EXPECT_REFUSED(memory_op(XENMEM_exchange, &x));
	EXPECT_RC(pages_now(), before);
}
