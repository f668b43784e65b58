/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages, page tables, hypercalls and time. */
#include "guest.h"

#define POOL_PAGES 384
static char pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096), section(".bss.big")));
static bool pool_used[POOL_PAGES];
static char window_area[512 * 4096] __attribute__((aligned(1 << 21), section(".bss.big")));
void case_abort(void) __attribute__((noreturn));

long hypercall(unsigned nr, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	register u64 r10 __asm__("r10") = a4, r8 __asm__("r8") = a5, r9 __asm__("r9") = 0;
	long rc;

	__asm__ volatile("call *%[entry]"
			 : "=a"(rc), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8), "+r"(r9)
			 : [entry] "a"(hypercall_page + nr * 32UL)
			 : "rcx", "r11", "memory");
	return rc;
}

void *page_alloc(void)
{
	for (unsigned i = 0; i < POOL_PAGES; i++)
		if (!pool_used[i]) {
			pool_used[i] = true;
			memset(pool[i], 0, PAGE_SIZE);
			return pool[i];
		}
	error_at(__FILE__, __LINE__, "the page pool is empty");
	case_abort();
}

void page_free(void *page)
{
	pool_used[((char *)page - pool[0]) / PAGE_SIZE] = false;
}

u64 pfn_of(const void *va)
{
	return ((u64)va - VIRT_BASE) >> PAGE_SHIFT;
}

u64 mfn_of(const void *va)
{
	return ((u64 *)start_info->mfn_list)[pfn_of(va)];
}

void *va_of_mfn(u64 mfn)
{
	return (void *)(VIRT_BASE + (machine_to_phys_mapping[mfn] << PAGE_SHIFT));
}

u64 *pte_va(const void *va, int level)
{
	u64 *table = (u64 *)start_info->pt_base;

	for (int l = 4; ; l--) {
		u64 *e = &table[(u64)va >> (12 + 9 * (l - 1)) & 511];

		if (l == level)
			return e;
		if (!(*e & PTE_P) || (*e & PTE_PSE))
			return NULL;
		table = va_of_mfn(PTE_MFN(*e));
	}
}

u64 pte_ptr(const void *va, int level)
{
	u64 *e = pte_va(va, level);

	return e ? mfn_of(e) << PAGE_SHIFT | ((u64)e & 4095) : 0;
}

u64 pte_read(const void *va, int level)
{
	u64 *e = pte_va(va, level);

	return e ? READ_ONCE(*e) : 0;
}

long map_page(void *va, u64 pte)
{
	return update_va(va, pte, UVMF_INVLPG | UVMF_LOCAL);
}

long page_ro(void *page)
{
	return map_page(page, mfn_of(page) << PAGE_SHIFT | PTE_RO);
}

long page_rw(void *page)
{
	return map_page(page, mfn_of(page) << PAGE_SHIFT | PTE_RW);
}

long set_pte(u64 ptr, u64 val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };

	return mmu_update(&u, 1, NULL, DOMID_SELF);
}

long ext_op(unsigned cmd, u64 arg1, u64 arg2)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

	return mmuext_op(&op, 1, NULL, DOMID_SELF);
}

void *window(unsigned slot)
{
	static bool emptied;

	if (!emptied) {
		/* The window starts as ordinary memory: only its addresses are wanted. */
		for (unsigned i = 0; i < 512; i++)
			update_va(window_area + i * PAGE_SIZE, 0, 0);
		ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
		emptied = true;
	}
	return window_area + slot % 512 * PAGE_SIZE;
}

u64 time_of(const volatile struct vcpu_time_info *t)
{
	u64 delta, ns;
	u32 version;

	do {
		version = t->version & ~1u;
		barrier();
		delta = rdtsc() - t->tsc_timestamp;
		if (t->tsc_shift >= 0)
			delta <<= t->tsc_shift;
		else
			delta >>= -t->tsc_shift;
		ns = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		barrier();
	} while (t->version != version);
	return ns;
}

u64 time_ns(void)
{
	return time_of(&vcpu_info()->time);
}
