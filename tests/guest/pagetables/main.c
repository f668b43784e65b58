/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page-table updates.
 *
 * What could be wrong: a PV guest's page tables are the real ones. One entry that slips through the check gives the guest a
 * writable page table, and with it the machine.
 * How it is provoked: each way to change an entry is used rightly, then with every kind of entry that must be refused.
 * A wrong host: accepts a forbidden entry, changes the table although it said no, leaks a reference so that a page can never
 * be written again, or forgets the TLB.
 */
#include "pt.h"

CASE(mmu_update, "a normal update maps a page; several in one call; done_out counts them")
{
	u64 *a = page_alloc(), *b = page_alloc(), *w0 = window(0), *w1 = window(1);
	struct mmu_update u[2] = {
		{ pte_ptr(w0, 1), mfn_of(a) << 12 | PTE_RW }, { pte_ptr(w1, 1), mfn_of(b) << 12 | PTE_RW },
	};
	u32 done = 99;

	a[0] = 1;
	b[0] = 2;
	REQUIRE_RC(mmu_update(u, 2, &done, DOMID_SELF), 0);
	EXPECT_RC(done, 2);
	EXPECT_RC(w0[0], 1);
	EXPECT_RC(w1[0], 2);
	w1[0] = 3;
	EXPECT_RC(b[0], 3);
	u[0].val = u[1].val = 0;
	EXPECT_RC(mmu_update(u, 2, NULL, DOMID_SELF), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	EXPECT_RC(CATCH((void)*(volatile u64 *)w0), X_PF);
	page_free(a);
	page_free(b);
}

CASE(mmu_update_errors, "mmu_update: bad pointers, bad frames, bad domains; done_out says where it stopped")
{
	u64 *a = page_alloc();
	struct mmu_update u[3] = {
		{ pte_ptr(window(0), 1), mfn_of(a) << 12 | PTE_RW }, { 0xffffffffff000UL, 0 }, { pte_ptr(window(1), 1), 0 },
	};
	u32 done = 99;

	EXPECT_RC(mmu_update(BAD_PTR, 1, NULL, DOMID_SELF), -XEN_EFAULT);
	EXPECT_RC(mmu_update(UNMAPPED_PTR, 1, NULL, DOMID_SELF), -XEN_EFAULT);
	EXPECT_RC(mmu_update(u, 0, NULL, DOMID_SELF), 0);
	EXPECT_RC(mmu_update(u, 3, &done, DOMID_SELF), -XEN_EINVAL);
	EXPECT_RC(done, 1);
	EXPECT_RC(mmu_update(u, 1, BAD_PTR, DOMID_SELF), 0);	/* the count is not worth an error */
	EXPECT_RC(mmu_update(u, 1, NULL, 4321), -XEN_ESRCH);
	EXPECT_RC(mmu_update(u, 1, NULL, DOMID_SELF | 4322u << 16), -XEN_ESRCH);
	EXPECT_RC(set_pte(pte_ptr(window(0), 1), 0), 0);
	EXPECT_RC(set_pte(start_info->shared_info, 0), 0);
	EXPECT_RC(set_pte(0x1000, 0), -XEN_EINVAL);
	page_free(a);
}

CASE(mmu_update_data, "an update aimed at an ordinary writable page is an ordinary store")
{
	u64 *a = page_alloc();

	EXPECT_RC(set_pte((mfn_of(a) << 12) + 24, 0x123456789), 0);
	EXPECT_HEX(a[3], 0x123456789);
	page_free(a);
}

CASE(preserve_ad, "MMU_PT_UPDATE_PRESERVE_AD keeps the entry's accessed and dirty bits, a normal update does not")
{
	u64 *a = page_alloc(), *w = window(0), pte = mfn_of(a) << 12 | PTE_P | PTE_W | PTE_U;

	NEED(!set_pte(pte_ptr(w, 1), pte));
	w[0] = 1;
	EXPECT_HEX(pte_read(w, 1) & (PTE_A | PTE_D), PTE_A | PTE_D);
	EXPECT_RC(set_pte(pte_ptr(w, 1) | MMU_PT_UPDATE_PRESERVE_AD, pte & ~PTE_W), 0);
	EXPECT_HEX(pte_read(w, 1) & (PTE_A | PTE_D | PTE_W), PTE_A | PTE_D);
	EXPECT_RC(set_pte(pte_ptr(w, 1), pte & ~PTE_W), 0);
	EXPECT_HEX(pte_read(w, 1) & (PTE_A | PTE_D), 0);
	EXPECT_RC(set_pte(pte_ptr(w, 1) | MMU_PT_UPDATE_NO_TRANSLATE, 0), 0);
	EXPECT_HEX(pte_read(w, 1), 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	page_free(a);
}

CASE(machphys, "MMU_MACHPHYS_UPDATE changes the M2P entry of one's own frame, of no one else's")
{
	u64 *a = page_alloc(), mfn = mfn_of(a), pfn = pfn_of(a);

	EXPECT_RC(set_pte(mfn << 12 | MMU_MACHPHYS_UPDATE, 0x12345), 0);
	EXPECT_HEX(machine_to_phys_mapping[mfn], 0x12345);
	EXPECT_RC(set_pte(mfn << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
	EXPECT_RC(set_pte(0x1000 | MMU_MACHPHYS_UPDATE, pfn), -XEN_EINVAL);
	EXPECT_RC(set_pte(0xffffffffff000UL | MMU_MACHPHYS_UPDATE, pfn), -XEN_EINVAL);
	page_free(a);
}

CASE(update_va, "update_va_mapping with each way to flush")
{
	u64 *a = page_alloc(), *b = page_alloc(), *w = window(5), all = 1;
	u64 pa = mfn_of(a) << 12 | PTE_RW, pb = mfn_of(b) << 12 | PTE_RW;
	static const u64 flags[] = { UVMF_TLB_FLUSH | UVMF_LOCAL, UVMF_INVLPG | UVMF_LOCAL, UVMF_TLB_FLUSH | UVMF_ALL,
				     UVMF_INVLPG | UVMF_ALL };

	a[0] = 0xa;
	b[0] = 0xb;
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_RC(update_va(w, pa, flags[i]), 0);
		EXPECT_HEX(READ_ONCE(w[0]), 0xa);
		EXPECT_RC(update_va(w, pb, flags[i]), 0);
		EXPECT_HEX(READ_ONCE(w[0]), 0xb);
	}
	EXPECT_RC(update_va(w, pa, UVMF_TLB_FLUSH | (u64)&all), 0);
	EXPECT_HEX(READ_ONCE(w[0]), 0xa);
	EXPECT_RC(update_va(w, pb, UVMF_INVLPG | (u64)&all), 0);
	EXPECT_HEX(READ_ONCE(w[0]), 0xb);
	EXPECT_RC(update_va(w, 0, UVMF_NONE), 0);
	ext_op(MMUEXT_INVLPG_LOCAL, (u64)w, 0);
	page_free(a);
	page_free(b);
}

CASE(update_va_errors, "update_va_mapping: the host's addresses, addresses without a table, a bad mask")
{
	u64 *a = page_alloc(), pte = mfn_of(a) << 12 | PTE_RW;

	EXPECT_RC(update_va(0xffff804000000000, pte, 0), -XEN_EINVAL);
	EXPECT_RC(update_va(0xffff82d040000000, pte, 0), -XEN_EINVAL);
	EXPECT_RC(update_va(UNMAPPED_PTR, pte, 0), -XEN_EINVAL);
	EXPECT_RC(update_va(window(0), pte, UVMF_TLB_FLUSH | 0xffff804000000000), -XEN_EFAULT);
	EXPECT_RC(HCALL4(__HYPERVISOR_update_va_mapping_otherdomain, window(0), pte, 0, 4321), -XEN_ESRCH);
	EXPECT_RC(HCALL4(__HYPERVISOR_update_va_mapping_otherdomain, window(0), pte, 0, DOMID_SELF), 0);
	EXPECT_RC(update_va(window(0), 0, UVMF_INVLPG | UVMF_LOCAL), 0);
	page_free(a);
}

CASE(bad_entries, "entries that no L1 may have: reserved bits, frames that do not exist, the host's frames")
{
	u64 *a = page_alloc(), *w = window(3), good = mfn_of(a) << 12 | PTE_RW;

	EXPECT_REFUSED(map_page(w, good | 1UL << 51));
	EXPECT_REFUSED(map_page(w, (0xfffffUL << 12) << 20 | PTE_RW));
	EXPECT_REFUSED(map_page(w, 0xffffffffff000UL | PTE_RW));
	EXPECT_HEX(pte_read(w, 1), 0);
	EXPECT_RC(map_page(w, good | 0xe00), 0);	/* bits 9 to 11 are the guest's */
	EXPECT_HEX(pte_read(w, 1) & 0xe00, 0xe00);
	EXPECT_RC(map_page(w, good | 0x7fUL << 52), 0);
	EXPECT_RC(map_page(w, good | PTE_G), 0);
	EXPECT_RC(map_page(w, good & ~PTE_U), 0);	/* the kernel runs in ring 3: Xen lets it in and remembers in bit 52 */
	EXPECT_HEX(pte_read(w, 1) & PTE_U, PTE_U);
	EXPECT_HEX(pte_read(w, 1) >> 52 & 1, 1);
	EXPECT_RC(CATCH((void)READ_ONCE(*w)), -1);
	EXPECT_RC(map_page(w, 0x123456789000UL | 0x52), 0);	/* not present: anything goes */
	EXPECT_HEX(pte_read(w, 1), 0x123456789052UL);
	EXPECT_RC(map_page(w, 0), 0);
	page_free(a);
}

CASE(host_frames, "the host's own frames and other domains' are refused, shared_info is not")
{
	u64 *w = window(3), xen_mfn;

	/* The last frames of memory below the modules hold Xen's image; so does what M2P calls invalid and is not ours. */
	for (xen_mfn = 0x200; xen_mfn < 0xfffff && !(machine_to_phys_mapping[xen_mfn] >> 63); xen_mfn++)
		;
	EXPECT_RC(map_page(w, xen_mfn << 12 | PTE_RW), -XEN_EBUSY);
	EXPECT_RC(map_page(w, xen_mfn << 12 | PTE_RO), -XEN_EBUSY);
	EXPECT_RC(map_page(w, start_info->shared_info | PTE_RW), 0);
	EXPECT_RC(map_page(w, 0), 0);
}

CASE(io_frames, "dom0 may map the machine's other addresses, but neither the local APIC nor an I/O APIC")
{
	u64 *w = window(3);

	SKIP_IF(!is_dom0(), "domU");
	EXPECT_RC(map_page(w, 0xb8000 | PTE_RW), 0);
	w[0] = w[0];
	EXPECT_RC(map_page(w, 0xfee00000 | PTE_RW), -XEN_EPERM);
	EXPECT_RC(map_page(w, 0xfee00000 | PTE_RO), -XEN_EPERM);
	/* An I/O APIC may be looked at: asked for writable, the mapping comes out read-only. */
	if (!map_page(w, 0xfec00000 | PTE_RW))
		EXPECT_HEX(pte_read(w, 1) & PTE_W, 0);
	EXPECT_RC(map_page(w, 0xe0000000 | PTE_RW), 0);	/* where PCI devices may be */
	EXPECT_RC(map_page(w, 0), 0);
}

CASE(table_writable, "no page table can be mapped writable, nor a writable page become a table")
{
	u64 *l1 = new_l1(), *w = window(3), mfn = mfn_of(l1);

	NEED(l1);
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	EXPECT_RC(map_page(w, mfn << 12 | PTE_RW), -XEN_EBUSY);
	EXPECT_RC(map_page(w, mfn_of((void *)start_info->pt_base) << 12 | PTE_RW), -XEN_EBUSY);
	EXPECT_HEX(pte_read(w, 1), 0);
	EXPECT_RC(map_page(w, mfn << 12 | PTE_RO), 0);
	EXPECT_HEX(w[0], l1[0]);
	EXPECT_RC(map_page(w, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	EXPECT_RC(page_rw(l1), 0);
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EINVAL);
	page_free(l1);
}

CASE(upper_levels, "L2 entries: a new table is linked and unlinked; a page in use as data, PSE and bad bits are refused")
{
	u64 *l1 = new_l1(), *data = page_alloc(), *far = far_va(0), l2 = pte_ptr(far, 2), entry = mfn_of(l1) << 12 | PTE_RW;

	NEED(l1 && l2);
	EXPECT_RC(set_pte(l2, entry), 0);
	EXPECT_HEX(far[0], *data);
	EXPECT_RC(pte_read(far, 2) & PTE_P, 1);
	EXPECT_RC(page_rw(l1), -XEN_EBUSY);
	EXPECT_RC(set_pte(l2, 0), 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	EXPECT_RC(set_pte(l2, mfn_of(data) << 12 | PTE_RW), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, (mfn_of(data) & ~511UL) << 12 | PTE_RW | PTE_PSE), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, entry | PTE_G), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, entry | 1UL << 51), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, entry | PTE_NX), 0);
	EXPECT_RC(set_pte(l2, mfn_of(pte_va(far, 2)) << 12 | PTE_RW), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, mfn_of((void *)start_info->pt_base) << 12 | PTE_RW), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, 0xfffffff000UL | PTE_RW), -XEN_EINVAL);
	EXPECT_RC(set_pte(l2, 0), 0);
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
	page_free(data);
}

CASE(bad_tables, "a table with one bad entry is refused whole, and can be written again")
{
	u64 *l1 = page_alloc(), *l2 = page_alloc();

	l1[7] = mfn_of(l1) << 12 | PTE_RW;	/* itself, writable */
	NEED(!page_ro(l1));
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0), -XEN_EBUSY);
	EXPECT_RC(page_rw(l1), 0);
	l1[7] = mfn_of(l1) << 12 | PTE_RO;
	NEED(!page_ro(l1));
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	EXPECT_RC(page_rw(l1), 0);
	l1[7] = mfn_of(_image_start) << 12 | PTE_RW;
	l2[3] = mfn_of(l1) << 12 | PTE_RW;
	l2[9] = (mfn_of(l1) & ~511UL) << 12 | PTE_RW | PTE_PSE;
	NEED(!page_ro(l2) && !page_ro(l1));
	EXPECT_RC(ext_op(MMUEXT_PIN_L2_TABLE, mfn_of(l2), 0), -XEN_EINVAL);
	EXPECT_RC(page_rw(l2), 0);
	l2[9] = 0;
	NEED(!page_ro(l2));
	EXPECT_RC(ext_op(MMUEXT_PIN_L2_TABLE, mfn_of(l2), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l2), 0), 0);
	EXPECT_RC(page_rw(l2), 0);
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
	page_free(l2);
}
