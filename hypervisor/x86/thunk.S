/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What C calls instead of an indirect branch, for each register: a retpoline, which x86/alternative.c may replace. A return is
 * predicted by the stack that the call has filled, and what is run by mistake is caught in a loop.
 */
	.text
	.macro THUNK reg
	.balign 32
	.globl __x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
	call 2f
1:	pause
	lfence
	jmp 1b
2:	mov %\reg, (%rsp)
	ret
	int3
	.endm

	THUNK rax
	THUNK rcx
	THUNK rdx
	THUNK rbx
	THUNK rbp
	THUNK rsi
	THUNK rdi
	THUNK r8
	THUNK r9
	THUNK r10
	THUNK r11
	THUNK r12
	THUNK r13
	THUNK r14
	THUNK r15

/* Fills the return stack, which the guest has left its own addresses in. Registers are kept. */
	.balign 32
	.globl spec_fill_rsb
spec_fill_rsb:
	.rept 32
	call 1f
	int3
1:
	.endr
	add $(32 * 8), %rsp
	lfence
	ret
	int3

	.section .note.GNU-stack, "", @progbits
