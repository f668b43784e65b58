/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image's ELF notes, hypercall page and first instructions.
 *
 * Entry state of a 64-bit PV guest (xen.h, "startofday"): %rsi = start_info, %rsp = end of the boot stack, flat ring-3
 * segments, events masked. The registers are kept in boot_regs for the test that looks at them.
 */
#define __ASSEMBLY__
#include <xen/elfnote.h>
#include "layout.h"

	.macro note_str type, text
	.align 4
	.long 4, 9f - 8f, \type
	.asciz "Xen"
8:	.asciz "\text"
9:	.align 4
	.endm

	.macro note_quad type, value
	.align 4
	.long 4, 8, \type
	.asciz "Xen"
	.quad \value
	.endm

	.section .note.Xen, "a", @note
	note_str  XEN_ELFNOTE_GUEST_OS, "anel-guest-test"
	note_str  XEN_ELFNOTE_GUEST_VERSION, "1"
	note_str  XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
	note_quad XEN_ELFNOTE_VIRT_BASE, VIRT_BASE
	note_quad XEN_ELFNOTE_PADDR_OFFSET, 0
	note_quad XEN_ELFNOTE_ENTRY, _start
	note_quad XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page
	note_str  XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
	note_str  XEN_ELFNOTE_PAE_MODE, "yes"
	note_str  XEN_ELFNOTE_LOADER, "generic"
	note_quad XEN_ELFNOTE_SUSPEND_CANCEL, 1

	.section .text.head, "ax"
	.global _start
_start:
	movq %rax, boot_regs+0x00
	movq %rbx, boot_regs+0x08
	movq %rcx, boot_regs+0x10
	movq %rdx, boot_regs+0x18
	movq %rsi, boot_regs+0x20
	movq %rdi, boot_regs+0x28
	movq %rbp, boot_regs+0x30
	movq %rsp, boot_regs+0x38
	movl %cs, %eax
	movq %rax, boot_regs+0x40
	movl %ss, %eax
	movq %rax, boot_regs+0x48
	movl %ds, %eax
	movq %rax, boot_regs+0x50
	movl %es, %eax
	movq %rax, boot_regs+0x58
	movl %fs, %eax
	movq %rax, boot_regs+0x60
	movl %gs, %eax
	movq %rax, boot_regs+0x68
	pushfq
	popq boot_regs+0x70
	cld
	leaq cpu_stacks + STACK_SIZE, %rsp
	xorl %ebp, %ebp
	movq %rsi, %rdi
	call guest_main
1:	jmp 1b

	.section .text.page, "ax"
	.balign 4096
	.global hypercall_page
hypercall_page:
	.skip 4096

	.bss
	.global boot_regs
	.balign 8
boot_regs:
	.skip 0x78
	.section .note.GNU-stack, "", @progbits
