/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notes and first instructions of the tiny guest. It is entered with %rsi = start_info on the boot stack, events masked. */
#define __ASSEMBLY__
#include <xen/elfnote.h>

	.macro note type, kind:vararg
	.align 4
	.long 4, 9f - 8f, \type
	.asciz "Xen"
8:	\kind
9:	.align 4
	.endm

	.section .note.Xen, "a", @note
	note XEN_ELFNOTE_GUEST_OS, .asciz "anel-bench"
	note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	note XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
	note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
	note XEN_ELFNOTE_ENTRY, .quad _start
	note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
	note XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
	note XEN_ELFNOTE_PAE_MODE, .asciz "yes"
	note XEN_ELFNOTE_LOADER, .asciz "generic"

	.section .text.head, "ax"
	.globl _start
_start:
	cld
	leaq stack + 4096(%rip), %rsp
	xorl %ebp, %ebp
	movq %rsi, %rdi
	call kernel_main

	.section .text.page, "ax"
	.balign 4096
	.globl hypercall_page
hypercall_page:
	.skip 4096

	.bss
	.balign 4096
stack:
	.skip 4096
	.section .note.GNU-stack, "", @progbits
