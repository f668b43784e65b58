/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pt.h"

static u64 zero_page[512] __attribute__((aligned(4096)));

u64 *new_l1(void)
{
	u64 *l1 = page_alloc();

	l1[0] = mfn_of(zero_page) << PAGE_SHIFT | PTE_RO;
	return page_ro(l1) ? NULL : l1;
}

void *far_va(unsigned n)
{
	return (void *)(VIRT_BASE + 0x20000000 + n * 0x200000UL);
}

bool new_tables(u64 *t[4], u64 va)
{
	for (int i = 0; i < 4; i++)
		t[i] = page_alloc();
	for (int i = 0; i < 3; i++)
		t[i][va >> (39 - 9 * i) & 511] = mfn_of(t[i + 1]) << PAGE_SHIFT | PTE_RW;
	t[3][va >> 12 & 511] = mfn_of(zero_page) << PAGE_SHIFT | PTE_RO;
	for (int i = 0; i < 4; i++)
		if (page_ro(t[i]))
			return false;
	return true;
}

void free_tables(u64 *t[4])
{
	for (int i = 0; i < 4; i++) {
		EXPECT_RC(page_rw(t[i]), 0);
		page_free(t[i]);
	}
}
