/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptor tables and the virtual TSS.
 *
 * What could be wrong: the guest's GDT and LDT are real ones; a descriptor that slips through the check is a door to ring 0.
 * How it is provoked: tables are installed, changed and removed, with every kind of descriptor that must be refused.
 * A wrong host: accepts a gate or a system segment, leaves a table page writable, loses the reserved entries.
 */
#include "guest.h"

#define DATA3   0x00cff2000000ffffUL
#define DATA0   0x00cf92000000ffffUL
#define GATE64  0x0000ec00e0330000UL
#define GATE_XEN 0x0000ec00e0080000UL
#define TSS     0x0000890000000067UL
#define LDTDESC 0x0000820000000067UL
#define CONFORM 0x00affe000000ffffUL

static long load_es(unsigned sel)
{
	int v = CATCH(__asm__ volatile("movl %0, %%es" : : "r"(sel)));

	__asm__ volatile("movl %0, %%es" : : "r"(0));
	return v;
}

static u32 dpl_of(unsigned sel)
{
	u32 ar = 0;

	__asm__ volatile("larl %1, %0" : "+r"(ar) : "r"(sel));
	return ar >> 13 & 3;
}

CASE(gdt, "set_gdt with a read-only page; selectors of it load, DPL 0 becomes ring 3; an empty GDT takes them away")
{
	u64 *gdt = page_alloc(), frame = mfn_of(gdt);

	gdt[1] = DATA3;
	gdt[2] = DATA0;
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 512), -XEN_EINVAL);	/* still writable */
	NEED(!page_ro(gdt));
	REQUIRE_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 512), 0);
	EXPECT_RC(load_es(8 | 3), -1);
	EXPECT_RC(load_es(16 | 3), -1);
	EXPECT_RC(dpl_of(16 | 3), 3);
	EXPECT_RC(load_es(24 | 3), X_GP);
	EXPECT(page_rw(gdt) < 0);
	EXPECT_RC(load_es(FLAT_RING3_DS32), -1);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 0), 0);
	EXPECT_RC(load_es(8 | 3), X_GP);
	EXPECT_RC(load_es(FLAT_RING3_DS32), -1);
	EXPECT_RC(page_rw(gdt), 0);
	page_free(gdt);
}

CASE(gdt_errors, "set_gdt: too many entries, bad frames, bad pointer, forbidden descriptors")
{
	u64 *gdt = page_alloc(), frame = mfn_of(gdt), wrong = 0xfffffffffUL, xen = start_info->shared_info >> 12;

	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 7169), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, BAD_PTR, 512), -XEN_EFAULT);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &wrong, 512), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &xen, 512), -XEN_EINVAL);
	gdt[5] = TSS;
	NEED(!page_ro(gdt));
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 512), -XEN_EINVAL);
	EXPECT_RC(page_rw(gdt), 0);
	page_free(gdt);
}

CASE(update_descriptor, "update_descriptor checks each descriptor: system ones are refused")
{
	u64 *gdt = page_alloc(), frame = mfn_of(gdt), at = frame << 12;

	NEED(!page_ro(gdt));
	NEED(!HCALL2(__HYPERVISOR_set_gdt, &frame, 512));
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 8, DATA3), 0);
	EXPECT_HEX(gdt[1], DATA3);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 16, DATA0), 0);
	EXPECT_HEX(gdt[2] >> 45 & 3, 3);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 16, 0), 0);
	EXPECT_HEX(gdt[2], 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 24, TSS), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 24, LDTDESC), -XEN_EINVAL);
	EXPECT_HEX(gdt[3], 0);
	/* A call gate to ring 3 may be refused, or kept with DPL 0 so that its use traps; one into Xen's segments never. */
	if (HCALL2(__HYPERVISOR_update_descriptor, at + 24, GATE64) != -XEN_EINVAL)
		EXPECT_HEX(gdt[3], GATE64 & ~0x600000000000UL);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 24, GATE_XEN), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 24, CONFORM), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 24, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 12, DATA3), -XEN_EINVAL);	/* not aligned */
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, 0xfffffffff000UL, DATA3), -XEN_EINVAL);
	EXPECT_HEX(gdt[3], 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 0), 0);
	EXPECT_RC(page_rw(gdt), 0);
	/* On an ordinary page it is an ordinary write of a checked descriptor. */
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, at + 32, DATA3), 0);
	EXPECT_HEX(gdt[4], DATA3);
	page_free(gdt);
}

CASE(gdt_direct_write, "a store to the GDT's page faults like any read-only page")
{
	u64 *gdt = page_alloc(), frame = mfn_of(gdt);

	NEED(!page_ro(gdt));
	NEED(!HCALL2(__HYPERVISOR_set_gdt, &frame, 512));
	EXPECT_RC(CATCH(*(volatile u64 *)&gdt[1] = DATA3), X_PF);
	EXPECT_HEX(this_cpu()->last.error, 3);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_gdt, &frame, 0), 0);
	EXPECT_RC(page_rw(gdt), 0);
	page_free(gdt);
}

CASE(ldt, "MMUEXT_SET_LDT: LDT pages are taken on first use, must be page aligned and at most 8192 entries")
{
	u64 *ldt = page_alloc();

	ldt[1] = DATA3;
	EXPECT_RC(ext_op(MMUEXT_SET_LDT, (u64)ldt + 8, 512), -XEN_EINVAL);
	EXPECT_RC(ext_op(MMUEXT_SET_LDT, (u64)ldt, 8193), -XEN_EINVAL);
	NEED(!page_ro(ldt));
	REQUIRE_RC(ext_op(MMUEXT_SET_LDT, (u64)ldt, 512), 0);
	EXPECT_RC(load_es(8 | 7), -1);
	EXPECT_RC(load_es(16 | 7), X_GP);
	EXPECT_HEX(this_cpu()->last.error, 16 | 4);
	EXPECT_RC(HCALL2(__HYPERVISOR_update_descriptor, (mfn_of(ldt) << 12) + 16, DATA3), 0);
	EXPECT_RC(load_es(16 | 7), -1);
	EXPECT_RC(ext_op(MMUEXT_SET_LDT, 0, 0), 0);
	EXPECT_RC(load_es(8 | 7), X_GP);
	EXPECT_RC(page_rw(ldt), 0);
	page_free(ldt);
}

CASE(ldt_unmapped, "an LDT at an address without a page: #PF at the descriptor's address when it is used")
{
	REQUIRE_RC(ext_op(MMUEXT_SET_LDT, (u64)UNMAPPED_PTR, 512), 0);
	EXPECT_RC(load_es(8 | 7), X_PF);
	EXPECT_HEX(this_cpu()->last.error, 0);
	EXPECT_HEX(this_cpu()->last_cr2, (u64)UNMAPPED_PTR + 8);
	EXPECT_RC(ext_op(MMUEXT_SET_LDT, 0, 0), 0);
}

CASE(stack_switch, "stack_switch sets where entries from user mode push, whatever RPL is given")
{
	struct frame f;
	static const u8 ud2[] = { 0x0f, 0x0b };

	NEED(user_init());
	EXPECT_RC(HCALL2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS & ~3, (u64)cpu_stacks[3] + STACK_SIZE), 0);
	*(unsigned *)cpu_stacks[3] = 0;
	user_frame(&f, USER_BASE);
	memset(cpu_stacks[3] + STACK_SIZE - 64, 0, 64);
	EXPECT_RC(user_code(ud2, 2, &f), X_UD);
	EXPECT_HEX(((u64 *)(cpu_stacks[3] + STACK_SIZE))[-2], f.rsp);
	*(unsigned *)cpu_stacks[3] = 3;
	EXPECT_RC(HCALL2(__HYPERVISOR_stack_switch, 0, 0), 0);
	NEED(user_init());
}
