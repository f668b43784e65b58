/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a PV guest into the hypervisor by SYSCALL, and the way of every PV guest out of it.
 *
 * In: SYSCALL changes no stack, and GS is the guest's, so each CPU has its own stub (written by pv/syscall.c into
 * pv_syscall_stubs): it parks rax and rsp and loads the CPU's stack; pv_syscall_common completes the register frame.
 * A SYSCALL of the guest's kernel is a hypercall; one of its user is handed to the kernel's syscall callback.
 *
 * Out: ret_to_guest, with rsp at cpu_info.guest_regs: softirqs first, then what is pending for the vCPU, then sysret or iret.
 */
#include "pv/offsets.h"
#include "x86/spec_asm.h"

	.macro SAVE_ALL
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
	.endm

	/* Behind what they jump to (boot/link.ld), so that the first CPUs' are in one page with it. */
	.section .text.stubs, "ax"
	.balign 64
	.globl pv_syscall_stubs
pv_syscall_stubs:
	.fill 256 << STUB_SHIFT, 1, 0xcc

	.section .text.hot, "ax"
	.balign 64

/* rsp = &guest_regs.es, rax = the guest's rsp, scratch[0] = the guest's rax, rcx = rip, r11 = rflags; interrupts off */
	.globl pv_syscall_common
pv_syscall_common:
	pushq $SEL_DS32
	pushq %rax
	pushq %r11
	pushq $SEL_CS64
	pushq %rcx
	pushq $0
	movl $TRAP_SYSCALL, 4(%rsp)
	movq CPUINFO_scratch - REGS_error_code(%rsp), %rax
	SAVE_ALL
	SPEC_ENTRY
	xorl %ebp, %ebp
	movq CPUINFO_current(%rsp), %rbx
	movq VCPU_pv(%rbx), %rdx
	movq %rsp, %rdi
	cmpb $0, PVCPU_kernel_mode(%rdx)
	je 1f
	/* Every system call and fault of the guest's users ends by it; it takes no arguments and loads every register, rax too. */
	cmpq $HYPERCALL_iret, REGS_rax(%rsp)
	je 2f
	sti
	call hypercall_entry
	jmp ret_to_guest
2:	call pv_iret
	jmp ret_to_guest
1:	call pv_bounce_syscall
	jmp ret_to_guest

/* The same from compatibility mode (32-bit user programs on AMD's CPUs) */
	.globl pv_syscall32_common
pv_syscall32_common:
	pushq $SEL_DS32
	pushq %rax
	pushq %r11
	pushq $SEL_CS32
	pushq %rcx
	pushq $0
	movq CPUINFO_scratch - REGS_error_code(%rsp), %rax
	SAVE_ALL
	SPEC_ENTRY
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call pv_bounce_syscall32

	jmp ret_to_guest

/*
 * SYSENTER, from 32-bit user programs on Intel's CPUs. It keeps neither rip nor rsp, and of the flags clears IF alone: the
 * kernel knows where its vDSO returns to.
 */
	.globl pv_sysenter_entry
pv_sysenter_entry:
	pushq $SEL_DS32
	pushq $0
	pushfq
	orq $0x200, (%rsp)
	pushq $2
	popfq
	pushq $SEL_CS32
	pushq $0
	pushq $0
	SAVE_ALL
	SPEC_ENTRY
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call pv_bounce_sysenter

	.globl ret_to_guest
ret_to_guest:
	cli
	cmpl $0, CPUINFO_softirq_pending(%rsp)
	jne .Lsoftirq
	movq CPUINFO_current(%rsp), %rbx
	cmpw $0, VCPU_async(%rbx)
	jne .Lasync
	movq VCPU_info(%rbx), %rax
	cmpb $0, 0(%rax)
	jne .Levent
.Lrestore:
	SPEC_EXIT
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
	testl $TRAP_SYSCALL, 4(%rsp)
	jz .Liret
	cmpw $SEL_CS64, REGS_cs - REGS_error_code(%rsp)
	jne .Liret
	/* sysret of a non-canonical rip faults in ring 0 on some CPUs: let iret do it. */
	movq REGS_rip - REGS_error_code(%rsp), %rcx
	movq %rcx, %r11
	shlq $16, %r11
	sarq $16, %r11
	cmpq %rcx, %r11
	jne .Liret_clobbered
	SPEC_CLEAR REGS_error_code
	movq REGS_rflags - REGS_error_code(%rsp), %r11
	movq REGS_rsp - REGS_error_code(%rsp), %rsp
	sysretq
.Liret_clobbered:
.Liret:
	SPEC_CLEAR REGS_error_code
	addq $8, %rsp
	.globl pv_iret_insn
pv_iret_insn:
	iretq
	.section .ex_table, "a"
	.balign 4
	.long pv_iret_insn - ., pv_iret_fixup - .
	.previous

/* iret faulted: the frame from rip up is whole, the registers are the guest's. */
pv_iret_fixup:
	pushq $0
	SAVE_ALL
	SPEC_ENTRY
	movq %rsp, %rdi
	call pv_bad_iret
	jmp ret_to_guest

.Levent:
	cmpb $0, 1(%rax)
	jne .Lrestore
.Lasync:
	movq %rsp, %rdi
	call pv_deliver_pending
	testl %eax, %eax
	jnz ret_to_guest
	jmp .Lrestore

.Lsoftirq:
	sti
	call do_softirq
	call rcu_quiescent
	jmp ret_to_guest

	.section .note.GNU-stack, "", @progbits
