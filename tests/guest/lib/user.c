/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user mode of one 2 MiB region, to leave the guest's kernel mode and to see how Xen brings it back. */
#include "guest.h"

static u64 *table[4];	/* L4, L3, L2, L1 */
static char user_kstacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

u64 user_l4_mfn(void)
{
	return mfn_of(table[0]);
}

void user_relink(void)
{
	set_pte(user_l4_mfn() << PAGE_SHIFT | (USER_BASE >> 39 & 511) * 8, mfn_of(table[1]) << PAGE_SHIFT | PTE_RW);
}

long user_map(u64 va, u64 pte)
{
	return set_pte(mfn_of(table[3]) << PAGE_SHIFT | (va >> PAGE_SHIFT & 511) * 8, pte);
}

bool user_init(void)
{
	char *kstack = user_kstacks[this_cpu()->id];

	if (!table[0]) {
		for (int i = 0; i < 4; i++)
			table[i] = page_alloc();
		for (int i = 0; i < 3; i++)
			table[i][USER_BASE >> (39 - 9 * i) & 511] = mfn_of(table[i + 1]) << PAGE_SHIFT | PTE_RW;
		for (int i = 0; i < 4; i++)
			if (page_ro(table[i]))
				return false;
		if (ext_op(MMUEXT_PIN_L4_TABLE, mfn_of(table[0]), 0))
			return false;
	}
	*(unsigned *)kstack = this_cpu()->id;
	return !ext_op(MMUEXT_NEW_USER_BASEPTR, mfn_of(table[0]), 0) &&
	       !HCALL2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, kstack + STACK_SIZE);
}

void user_frame(struct frame *f, u64 rip)
{
	memset(f, 0, sizeof(*f));
	f->rip = rip;
	f->cs = FLAT_USER_CS64 | 3;
	f->rflags = 0x202;
	f->rsp = USER_BASE + 0x3ff0;
	f->ss = FLAT_USER_SS64;
}

int user_run(struct frame *f)
{
	u8 mask = vcpu_info()->evtchn_upcall_mask;
	int vec = CATCH(frame_load(f));

	vcpu_info()->evtchn_upcall_mask = mask;
	return vec;
}

int user_code(const void *code, size_t size, struct frame *f)
{
	u8 *text = page_alloc(), *stack = page_alloc();
	int vec;

	memcpy(text, code, size);
	user_map(USER_BASE, mfn_of(text) << PAGE_SHIFT | PTE_RW);
	user_map(USER_BASE + 0x3000, mfn_of(stack) << PAGE_SHIFT | PTE_RW);
	vec = user_run(f);
	user_map(USER_BASE, 0);
	user_map(USER_BASE + 0x3000, 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	page_free(text);
	page_free(stack);
	return vec;
}
