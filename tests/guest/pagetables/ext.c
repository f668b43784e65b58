/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pinning, base pointers and the other extended operations.
 *
 * What could be wrong: a pin is a reference of a type; taken twice, dropped twice or left behind it makes a page unusable or,
 * worse, writable while it is a table.
 * How it is provoked: every pin is followed to its end, where the page must be ordinary memory again.
 * A wrong host: loses count.
 */
#include "pt.h"

CASE(pin_levels, "each level is pinned and unpinned; the pages are ordinary again afterwards")
{
	u64 *t[4], va = 0x123456789000;
	static const unsigned cmd[4] = { MMUEXT_PIN_L4_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L1_TABLE };

	NEED(new_tables(t, va));
	for (int i = 0; i < 4; i++) {
		EXPECT_RC(ext_op(cmd[i], mfn_of(t[i]), 0), 0);
		EXPECT_RC(page_rw(t[i]), -XEN_EBUSY);
		EXPECT_RC(page_rw(t[3]), -XEN_EBUSY);
		EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[i]), 0), 0);
	}
	free_tables(t);
}

CASE(pin_errors, "pinned twice, unpinned twice, as the wrong level, frames that are not one's own")
{
	u64 *t[4];

	NEED(new_tables(t, 0x123456789000));
	EXPECT_RC(ext_op(MMUEXT_PIN_L4_TABLE, mfn_of(t[0]), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_PIN_L4_TABLE, mfn_of(t[0]), 0), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_PIN_L3_TABLE, mfn_of(t[0]), 0), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_PIN_L2_TABLE, mfn_of(t[1]), 0), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_PIN_L3_TABLE, mfn_of(t[1]), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[1]), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[1]), 0), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[0]), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[0]), 0), -XEN_EINVAL);
	EXPECT_REFUSED(ext_op(MMUEXT_PIN_L1_TABLE, 0xfffffffffUL, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_PIN_L1_TABLE, 1, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_UNPIN_TABLE, 0xfffffffffUL, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_UNPIN_TABLE, 1, 0));
	free_tables(t);
}

CASE(xen_slots, "slots 256 to 271 of an L4 are the host's: a value there is refused in an update, replaced in a new table")
{
	u64 *t[4], base = mfn_of((void *)start_info->pt_base) << 12;

	EXPECT_RC(set_pte(base + 256 * 8, 0), -XEN_EINVAL);
	EXPECT_RC(set_pte(base + 271 * 8, 0), -XEN_EINVAL);
	EXPECT_RC(set_pte(base + 255 * 8, 0), 0);
	EXPECT_RC(set_pte(base + 272 * 8, 0), 0);
	for (int i = 0; i < 4; i++)
		t[i] = page_alloc();
	t[0][260] = 0x1000 | PTE_RW;
	NEED(!page_ro(t[0]));
	EXPECT_RC(ext_op(MMUEXT_PIN_L4_TABLE, mfn_of(t[0]), 0), 0);
	EXPECT(t[0][260] != (0x1000 | PTE_RW));
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(t[0]), 0), 0);
	free_tables(t);
}

CASE(linear_ro, "an L4 that maps itself read-only is the old linear table: allowed; writable never")
{
	u64 base = mfn_of((void *)start_info->pt_base) << 12, mfn = base >> 12;
	volatile u64 *linear = (u64 *)0xffff888000000000UL;	/* slot 273 */

	EXPECT_RC(set_pte(base + 273 * 8, base | PTE_RW), -XEN_EINVAL);
	REQUIRE_RC(set_pte(base + 273 * 8, base | PTE_RO), 0);
	/* Walks slot 273 four times: the L4 itself. */
	linear = (u64 *)(0xffff000000000000UL | 273UL << 39 | 273UL << 30 | 273UL << 21 | 273UL << 12);
	EXPECT_HEX(PTE_MFN(linear[273]), mfn);
	EXPECT_RC(CATCH(linear[300] = 0), X_PF);
	EXPECT_RC(set_pte(base + 273 * 8, 0), 0);
}

static u64 *kernel_copy(void)
{
	u64 *l4 = page_alloc(), *now = (u64 *)start_info->pt_base;

	for (int i = 0; i < 512; i++)
		if (i < 256 || i > 271)
			l4[i] = now[i];
	return page_ro(l4) ? NULL : l4;
}

static u64 cr3(void)
{
	u64 v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
	return v >> PAGE_SHIFT;
}

CASE(new_baseptr, "NEW_BASEPTR switches the address space and shows in cr3; by a move to cr3 as well")
{
	u64 *l4 = kernel_copy(), old = mfn_of((void *)start_info->pt_base);

	NEED(l4);
	REQUIRE_RC(ext_op(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
	EXPECT_HEX(cr3(), mfn_of(l4));
	EXPECT_RC(page_rw(l4), -XEN_EBUSY);
	EXPECT_RC(ext_op(MMUEXT_NEW_BASEPTR, old, 0), 0);
	EXPECT_HEX(cr3(), old);
	__asm__ volatile("mov %0, %%cr3" : : "r"(mfn_of(l4) << 12) : "memory");
	EXPECT_HEX(cr3(), mfn_of(l4));
	__asm__ volatile("mov %0, %%cr3" : : "r"(old << 12) : "memory");
	EXPECT_HEX(cr3(), old);
	EXPECT_RC(page_rw(l4), 0);
	page_free(l4);
}

CASE(baseptr_errors, "a base pointer must be an L4 of one's own; the old one stays")
{
	u64 *data = page_alloc(), *l1 = new_l1(), old = mfn_of((void *)start_info->pt_base);

	EXPECT_REFUSED(ext_op(MMUEXT_NEW_BASEPTR, mfn_of(data), 0));
	EXPECT_REFUSED(ext_op(MMUEXT_NEW_BASEPTR, 0xfffffffffUL, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_NEW_BASEPTR, start_info->shared_info >> 12, 0));
	EXPECT_REFUSED(ext_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(data), 0));
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0), 0);
	EXPECT_REFUSED(ext_op(MMUEXT_NEW_BASEPTR, mfn_of(l1), 0));
	EXPECT_REFUSED(ext_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(l1), 0));
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	EXPECT_HEX(cr3(), old);
	EXPECT_RC(CATCH(__asm__ volatile("mov %0, %%cr3" : : "r"(mfn_of(data) << 12))), X_GP);
	EXPECT_HEX(cr3(), old);
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
	page_free(data);
}

CASE(user_baseptr, "NEW_USER_BASEPTR holds a reference, and 0 lets go of it")
{
	u64 *t[4];

	NEED(new_tables(t, USER_BASE));
	EXPECT_RC(ext_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(t[0]), 0), 0);
	EXPECT_RC(page_rw(t[0]), -XEN_EBUSY);
	EXPECT_RC(ext_op(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	free_tables(t);
}

CASE(flushes, "every flush operation is accepted, with masks of the vCPUs to flush")
{
	u64 mask = 3;
	static u8 page[1];

	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_INVLPG_LOCAL, (u64)page, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_INVLPG_ALL, (u64)page, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_MULTI, 0, (u64)&mask), 0);
	EXPECT_RC(ext_op(MMUEXT_INVLPG_MULTI, (u64)page, (u64)&mask), 0);
	EXPECT_RC(ext_op(MMUEXT_INVLPG_LOCAL, 0xffff830000000000, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_INVLPG_LOCAL, 0x8000000000000000, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_MULTI, 0, (u64)BAD_PTR), -XEN_EINVAL);
	if (is_dom0()) {
		EXPECT_RC(ext_op(MMUEXT_FLUSH_CACHE, 0, 0), 0);
		EXPECT_RC(ext_op(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
	} else {
		EXPECT_RC(ext_op(MMUEXT_FLUSH_CACHE, 0, 0), -XEN_EACCES);
		EXPECT_RC(ext_op(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), -XEN_EINVAL);
	}
}

CASE(clear_and_copy, "CLEAR_PAGE and COPY_PAGE work on ordinary pages and on nothing else")
{
	u64 *a = page_alloc(), *b = page_alloc(), *l1 = new_l1();

	memset(a, 0x5a, PAGE_SIZE);
	EXPECT_RC(ext_op(MMUEXT_COPY_PAGE, mfn_of(b), mfn_of(a)), 0);
	EXPECT(!memcmp(a, b, PAGE_SIZE));
	EXPECT_RC(ext_op(MMUEXT_CLEAR_PAGE, mfn_of(a), 0), 0);
	EXPECT_HEX(a[0] | a[511], 0);
	EXPECT_HEX(b[511], 0x5a5a5a5a5a5a5a5a);
	NEED(!ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0));
	EXPECT_RC(ext_op(MMUEXT_CLEAR_PAGE, mfn_of(l1), 0), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_COPY_PAGE, mfn_of(l1), mfn_of(a)), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_COPY_PAGE, mfn_of(b), mfn_of(l1)), 0);
	EXPECT_HEX(b[0], l1[0]);
	EXPECT_RC(ext_op(MMUEXT_CLEAR_PAGE, 0xfffffffffUL, 0), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_COPY_PAGE, mfn_of(b), 0xfffffffffUL), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
	page_free(a);
	page_free(b);
}

CASE(ext_errors, "mmuext_op: unknown commands, bad pointers, bad domains, the done count")
{
	struct mmuext_op op[3] = {
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL }, { .cmd = 77 }, { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
	};
	u32 done = 9;

	EXPECT_RC(mmuext_op(BAD_PTR, 1, NULL, DOMID_SELF), -XEN_EFAULT);
	EXPECT_RC(mmuext_op(op, 0, NULL, DOMID_SELF), 0);
	EXPECT_RC(mmuext_op(op, 3, &done, DOMID_SELF), -XEN_ENOSYS);
	EXPECT_RC(done, 1);
	EXPECT_RC(mmuext_op(op, 1, NULL, 4321), -XEN_ESRCH);
	EXPECT_RC(ext_op(14, 0, 0), -XEN_ENOSYS);
	EXPECT_RC(ext_op(MMUEXT_MARK_SUPER, mfn_of(_image_start), 0), -XEN_EOPNOTSUPP);
	EXPECT_RC(ext_op(MMUEXT_UNMARK_SUPER, mfn_of(_image_start), 0), -XEN_EOPNOTSUPP);
}
