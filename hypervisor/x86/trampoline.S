/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First instructions of each CPU but the first: copied to a page below 1 MiB (smp.c), entered in real mode by a start-up IPI.
 * It may not name a symbol outside itself: smp.c fills in the addresses. Source: Intel SDM vol. 3, 8.4.4 and 9.8.5.
 */
#define REL(sym) ((sym) - trampoline_start)
#define MSR_EFER 0xc0000080
#define MSR_MISC_ENABLE 0x1a0

	.section .rodata
	.balign 16
	.globl trampoline_start, trampoline_args, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	xor	%ebx, %ebx
	mov	%cs, %bx
	shl	$4, %ebx			/* our linear address */
	lea	REL(gdt)(%ebx), %eax
	mov	%eax, REL(gdt_base)
	lea	REL(start32)(%ebx), %eax
	mov	%eax, REL(far32)
	lea	REL(start64)(%ebx), %eax
	mov	%eax, REL(far64)
	lgdtl	REL(gdt_register)
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	*REL(far32)
	.code32
start32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	cmpl	$0, REL(arg_clear_xd)(%ebx)
	je	1f
	mov	$MSR_MISC_ENABLE, %ecx
	rdmsr
	btr	$2, %edx
	wrmsr
1:	mov	%cr4, %eax
	or	$0x20, %eax			/* PAE */
	mov	%eax, %cr4
	mov	REL(arg_boot_root)(%ebx), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$0x900, %eax			/* NXE, LME */
	wrmsr
	mov	$0x80010033, %eax		/* PG WP NE ET MP PE */
	mov	%eax, %cr0
	ljmpl	*REL(far64)(%ebx)
	.code64
start64:
	mov	arg_root(%rip), %rax
	mov	arg_stack(%rip), %rcx
	jmp	*arg_entry(%rip)

	.balign 8
gdt:	.quad	0
	.quad	0x00af9b000000ffff		/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff		/* 0x10: data */
	.quad	0x00cf9b000000ffff		/* 0x18: 32-bit code */
gdt_register:
	.short	gdt_register - gdt - 1
gdt_base:
	.long	0
	.balign 4
far32:	.long	0
	.short	0x18
	.balign 4
far64:	.long	0
	.short	0x08
	.balign 8
/* struct trampoline_args of smp.c */
trampoline_args:
arg_root:	.quad 0
arg_stack:	.quad 0
arg_entry:	.quad 0
arg_boot_root:	.long 0
arg_clear_xd:	.long 0
trampoline_end:

/* In the image: the root that has no mapping of low memory, then the CPU's own stack. */
	.text
	.globl ap_entry
ap_entry:
	mov	%rax, %cr3
	mov	%rcx, %rsp
	xor	%ebp, %ebp
	call	ap_main
	ud2
	.section .note.GNU-stack, "", @progbits
