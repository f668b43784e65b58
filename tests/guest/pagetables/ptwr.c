/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Direct stores to page tables.
 *
 * What could be wrong: Linux writes its L1 entries by ordinary instructions through the read-only mapping and counts on the
 * host to do the store after a check (the writable_pagetables assist).
 * How it is provoked: stores of every kind to a linked L1, with good and bad values.
 * A wrong host: does not emulate, emulates without the check, gets a compare-and-exchange wrong, or loses the fault.
 */
#include "pt.h"

static u64 *table, *target;	/* a linked L1, read-only; the addresses it maps */

static bool set_up(void)
{
	table = new_l1();
	target = far_va(1);
	return table && !set_pte(pte_ptr(target, 2), mfn_of(table) << 12 | PTE_RW) &&
	       !HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
}

static void tear_down(void)
{
	EXPECT_RC(set_pte(pte_ptr(target, 2), 0), 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	EXPECT_RC(page_rw(table), 0);
	page_free(table);
}

CASE(store, "a store of a good entry to a linked L1 is done, and maps")
{
	u64 *a = page_alloc(), good = mfn_of(a) << 12 | PTE_RW;
	volatile u64 *e;

	NEED(set_up());
	e = &table[1];
	a[0] = 77;
	EXPECT_RC(CATCH(*e = good), -1);
	EXPECT_HEX(PTE_SAME(*e), good);
	EXPECT_RC(target[512], 77);
	EXPECT_RC(CATCH(*e = 0), -1);
	ext_op(MMUEXT_INVLPG_LOCAL, (u64)&target[512], 0);
	EXPECT_RC(CATCH((void)*(volatile u64 *)&target[512]), X_PF);
	EXPECT_RC(ext_op(MMUEXT_CLEAR_PAGE, mfn_of(a), 0), 0);	/* no reference is left */
	tear_down();
	page_free(a);
}

CASE(store_bad, "a store of a forbidden entry is the guest's page fault, and the entry stays")
{
	volatile u64 *e;

	NEED(set_up());
	e = &table[2];
	EXPECT_RC(CATCH(*e = mfn_of(table) << 12 | PTE_RW), X_PF);
	EXPECT_HEX(this_cpu()->last_cr2, (u64)e);
	EXPECT_HEX(this_cpu()->last.error, 3);
	EXPECT_HEX(*e, 0);
	EXPECT_RC(CATCH(*e = 0xffffffffff000UL | PTE_RW), X_PF);
	EXPECT_HEX(*e, 0);
	tear_down();
}

CASE(exchange, "xchg, cmpxchg, and, or, bts and byte stores on an entry")
{
	u64 *a = page_alloc(), good = mfn_of(a) << 12 | PTE_RW;
	static u64 v;
	static bool ok;
	u64 *e;

	NEED(set_up());
	e = &table[3];
	EXPECT_RC(CATCH(v = __atomic_exchange_n(e, good, __ATOMIC_SEQ_CST)), -1);
	EXPECT_HEX(PTE_SAME(READ_ONCE(*e)), good);
	v = READ_ONCE(*e);
	EXPECT_RC(CATCH(ok = __atomic_compare_exchange_n(e, &v, good & ~PTE_W, false, 5, 5)), -1);
	EXPECT(ok);
	EXPECT_HEX(PTE_SAME(READ_ONCE(*e)), good & ~PTE_W);
	v = good;
	EXPECT_RC(CATCH(ok = __atomic_compare_exchange_n(e, &v, 0, false, 5, 5)), -1);
	EXPECT(!ok);
	EXPECT_HEX(v, READ_ONCE(*e));
	EXPECT_RC(CATCH(__asm__ volatile("lock orq $2, %0" : "+m"(*e))), -1);
	EXPECT_HEX(READ_ONCE(*e) & PTE_W, PTE_W);
	EXPECT_RC(CATCH(__asm__ volatile("lock andq $~2, %0" : "+m"(*e))), -1);
	EXPECT_HEX(READ_ONCE(*e) & PTE_W, 0);
	EXPECT_RC(CATCH(__asm__ volatile("lock btsq $1, %0" : "+m"(*e))), -1);
	EXPECT_HEX(READ_ONCE(*e) & PTE_W, PTE_W);
	EXPECT_RC(CATCH(*(volatile u32 *)e = 0), -1);
	EXPECT_HEX(PTE_SAME(READ_ONCE(*e)), good >> 32 << 32);
	EXPECT_RC(CATCH(*(volatile u64 *)e = 0), -1);
	EXPECT_HEX(READ_ONCE(*e), 0);
	tear_down();
	page_free(a);
}

CASE(string_stores, "stos and movs to an L1: entry by entry")
{
	u64 *a = page_alloc(), good = mfn_of(a) << 12 | PTE_RW, n = 4, *to, *from;
	static u64 source[4];

	NEED(set_up());
	to = &table[8];
	EXPECT_RC(CATCH(__asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(good) : "memory")), -1);
	EXPECT_HEX(PTE_SAME(READ_ONCE(table[8])), good);
	EXPECT_HEX(PTE_SAME(READ_ONCE(table[11])), good);
	EXPECT_HEX(READ_ONCE(table[12]), 0);
	to = &table[8];
	from = source;
	n = 4;
	EXPECT_RC(CATCH(__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory")), -1);
	EXPECT_HEX(READ_ONCE(table[8]) | READ_ONCE(table[11]), 0);
	tear_down();
	page_free(a);
}

CASE(upper_store, "an L2 cannot be stored to: the emulation is for L1 only")
{
	volatile u64 *e;

	NEED(set_up());
	e = pte_va(far_va(2), 2);
	EXPECT_RC(CATCH(*e = mfn_of(table) << 12 | PTE_RW), X_PF);
	EXPECT_HEX(this_cpu()->last.error, 3);
	EXPECT_HEX(*e, 0);
	tear_down();
}

CASE(unlinked, "a table that is pinned but in no L2, mapped read-only: a store is emulated as well")
{
	u64 *l1 = new_l1();

	NEED(l1 && !ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0));
	EXPECT_RC(CATCH(*(volatile u64 *)&l1[0] = 0), -1);
	EXPECT_HEX(READ_ONCE(l1[0]), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
}

CASE(vm_assist_errors, "vm_assist: unknown types and commands")
{
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 60), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 0xffffffff), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, 7, VMASST_TYPE_writable_pagetables), -XEN_ENOSYS);
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_4gb_segments), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
}
