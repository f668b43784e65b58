/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exception, event, failsafe and syscall entries, and the way back through the iret hypercall.
 *
 * Xen pushes %rcx, %r11, [error code], %rip, %cs, %rflags, %rsp, %ss. Each stub turns the two registers' slots into
 * vector and error code, so that every entry leaves one struct frame (guest.h) on the stack.
 */
#define __ASSEMBLY__
#include <xen/xen.h>
#include "layout.h"

	.macro stub_noerr vec, name
	.global \name
\name:
	movq 0(%rsp), %rcx
	movq 8(%rsp), %r11
	movq $0, 8(%rsp)
	movq $\vec, 0(%rsp)
	jmp common_entry
	.endm

	.macro stub_err vec, name
	.global \name
\name:
	movq 0(%rsp), %rcx
	movq 8(%rsp), %r11
	addq $8, %rsp
	movq $\vec, 0(%rsp)
	jmp common_entry
	.endm

	.text
	stub_noerr 0, trap_0
	stub_noerr 1, trap_1
	stub_noerr 2, trap_2
	stub_noerr 3, trap_3
	stub_noerr 4, trap_4
	stub_noerr 5, trap_5
	stub_noerr 6, trap_6
	stub_noerr 7, trap_7
	stub_err   8, trap_8
	stub_noerr 9, trap_9
	stub_err  10, trap_10
	stub_err  11, trap_11
	stub_err  12, trap_12
	stub_err  13, trap_13
	stub_err  14, trap_14
	stub_noerr 16, trap_16
	stub_err  17, trap_17
	stub_noerr 18, trap_18
	stub_noerr 19, trap_19
	stub_noerr 0x80, trap_128
	stub_noerr 0x100, event_entry
	stub_noerr 0x102, syscall_entry
	stub_noerr 0x103, sysenter_entry
	stub_noerr 0x104, nmi_entry

	/* Failsafe: Xen also pushes the four data selectors below the frame: %ds, %es, %fs, %gs after %rcx and %r11. */
	.global failsafe_entry
failsafe_entry:
	movq 0(%rsp), %rcx
	movq 8(%rsp), %r11
	addq $(6*8 - 2*8), %rsp
	movq $0, 8(%rsp)
	movq $0x101, 0(%rsp)
common_entry:
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $~15, %rsp
	call trap_c
	movq %rbp, %rsp
	.global frame_return
frame_return:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $16, %rsp
	pushq $0
	jmp hypercall_page + __HYPERVISOR_iret * 32

	/* void frame_load(struct frame *): leave for what the frame says, for ever. */
	.global frame_load
frame_load:
	movq %rdi, %rsp
	jmp frame_return

	/* int jmp_set(struct jmp *): 0, and once more with jmp_back's value. */
	.global jmp_set
jmp_set:
	movq (%rsp), %rax
	movq %rax, 0x00(%rdi)
	leaq 8(%rsp), %rax
	movq %rax, 0x08(%rdi)
	movq %rbx, 0x10(%rdi)
	movq %rbp, 0x18(%rdi)
	movq %r12, 0x20(%rdi)
	movq %r13, 0x28(%rdi)
	movq %r14, 0x30(%rdi)
	movq %r15, 0x38(%rdi)
	xorl %eax, %eax
	ret

	/* void jmp_back(struct jmp *, int value) */
	.global jmp_back
jmp_back:
	movl %esi, %eax
	movq 0x08(%rdi), %rsp
	movq 0x10(%rdi), %rbx
	movq 0x18(%rdi), %rbp
	movq 0x20(%rdi), %r12
	movq 0x28(%rdi), %r13
	movq 0x30(%rdi), %r14
	movq 0x38(%rdi), %r15
	jmp *0x00(%rdi)

	/* A second vCPU starts here: %rdi = its number, on its own stack. */
	.global secondary_entry
secondary_entry:
	xorl %ebp, %ebp
	call secondary_main
1:	jmp 1b
	.section .note.GNU-stack, "", @progbits
