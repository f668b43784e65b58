/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The measures at each crossing between a guest and the hypervisor, for entry code. Nothing, where the CPU needs none. */
#ifndef X86_SPEC_ASM_H
#define X86_SPEC_ASM_H
#include "x86/alternative.h"
	.set SPEC_CTRL_MSR, 0x48
/* Offsets in struct cpu_info, asserted in desc.c */
	.set SPEC_GUEST, 224
	.set SPEC_HOST, 228
	.set SPEC_VERW, 230

/* From ring 3; rsp = &guest_regs, all registers saved. Changes rax, rcx, rdx. */
	.macro SPEC_ENTRY
	ALTERNATIVE ALT_IBRS, "movl $SPEC_CTRL_MSR, %ecx; movzwl SPEC_HOST(%rsp), %eax; xorl %edx, %edx; wrmsr"
	ALTERNATIVE ALT_RSB, "call spec_fill_rsb"
	.endm

/* Before the guest's registers are restored, rsp = &guest_regs. Changes rax, rcx, rdx. */
	.macro SPEC_EXIT
	ALTERNATIVE ALT_IBRS, "movl $SPEC_CTRL_MSR, %ecx; movl SPEC_GUEST(%rsp), %eax; xorl %edx, %edx; wrmsr"
	.endm

/* The last but what returns; rsp = cpu_info + at. Changes flags. */
	.macro SPEC_CLEAR at
	ALTERNATIVE ALT_VERW, "verw SPEC_VERW - \at(%rsp)"
	.endm
#endif
