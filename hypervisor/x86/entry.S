/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of all 256 vectors. Each stub makes the frame whole (error code, vector) and goes to one of the common parts,
 * which save the registers as struct cpu_user_regs and call C with interrupts off.
 *
 * From ring 3 the frame lies in cpu_info.guest_regs (TSS.rsp0 points just above its ss); the way back is pv/'s ret_to_guest,
 * with rsp at guest_regs. From ring 0 the frame nests on the same stack and is restored here. #DB, NMI, #MC and #DF come on
 * stacks of their own: they can strike between SYSCALL and the loading of rsp, where rsp is still the guest's. A #DB from
 * ring 3 moves its frame to guest_regs; NMI and #MC return straight from their stacks with iret, which ends NMI blocking.
 */
#include "x86/spec_asm.h"
#define FRAME_CS	136
#define FRAME_SIZE	168		/* r15 .. ss */
#define STACK_LAST	0x7fff
#define CPU_INFO_SIZE	280		/* asserted in desc.c */

	.section .text.hot, "ax"

.macro SAVE_REGS
	cld
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	ALTERNATIVE ALT_SMAP, ".byte 0x0f, 0x01, 0xca"	/* clac */
	mov %rsp, %rdi
.endm

/* The guest's values do not go on into C: no speculation on them, and call traces end here. */
.macro CLEAR_REGS
	xor %esi, %esi
	xor %edx, %edx
	xor %ecx, %ecx
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	xor %ebx, %ebx
	xor %ebp, %ebp
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
.endm

exception_common:
	SAVE_REGS
	testb $3, FRAME_CS(%rsp)
	jz 1f
	SPEC_ENTRY
	CLEAR_REGS
	call trap_from_guest
	jmp ret_to_guest
1:	call trap_from_host
restore_host:
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $8, %rsp
	iretq

interrupt_common:
	SAVE_REGS
	testb $3, FRAME_CS(%rsp)
	jz 1f
	SPEC_ENTRY
	CLEAR_REGS
	call do_irq
	jmp ret_to_guest
1:	call do_irq
	jmp restore_host

soft_int_common:
	SAVE_REGS
	SPEC_ENTRY
	CLEAR_REGS
	call trap_soft_int
	jmp ret_to_guest

nmi_common:
	SAVE_REGS
	call nmi_handler
	jmp restore_host

mce_common:
	SAVE_REGS
	call mce_handler
	jmp restore_host

double_fault_common:
	SAVE_REGS
	call double_fault
	ud2

debug_common:
	SAVE_REGS
	testb $3, FRAME_CS(%rsp)
	jz 1f
	mov %rsp, %rsi
	mov %rsp, %rdi
	or $STACK_LAST, %rdi
	sub $(CPU_INFO_SIZE - 1), %rdi
	mov %rdi, %rax
	mov $(FRAME_SIZE / 8), %ecx
	rep movsq
	mov %rax, %rsp
	mov %rax, %rdi
	SPEC_ENTRY
	CLEAR_REGS
	call trap_from_guest
	jmp ret_to_guest
1:	call trap_from_host
	jmp restore_host

/* 16 bytes a vector. */
	.balign 16
	.globl entry_stubs
entry_stubs:
	.set vec, 0
.rept 256
	.balign 16
	.if vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21 || vec == 29 || vec == 30
	.else
	push $0
	.endif
	movl $vec, 4(%rsp)
	.if vec == 1
	jmp debug_common
	.elseif vec == 2
	jmp nmi_common
	.elseif vec == 8
	jmp double_fault_common
	.elseif vec == 18
	jmp mce_common
	.elseif vec < 32
	jmp exception_common
	.elseif vec == 0x80
	jmp soft_int_common
	.else
	jmp interrupt_common
	.endif
	.set vec, vec + 1
.endr
	.balign 16

	.section .note.GNU-stack, "", @progbits
