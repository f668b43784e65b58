/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First instructions. A multiboot 1 or 2 loader puts the flat image at IMAGE_LOAD_PA and enters start32 in 32-bit protected
 * mode, paging off, magic in %eax, address of its information in %ebx. Everything below is at fixed physical addresses, so
 * the early page tables are plain data. Sources: Multiboot 0.6.96, Multiboot2 2.0, Intel SDM vol. 3 (9.8.5).
 */
#include "boot/image.h"
#define PA(sym) ((sym) - IMAGE_VIRT_BASE)
#define CS64 0x08
#define DS64 0x10
#define CS32 0x18
#define MSR_EFER 0xc0000080
#define MSR_MISC_ENABLE 0x1a0

	.globl image_virt_base, image_load_pa, mb2_header
	.set image_virt_base, IMAGE_VIRT_BASE
	.set image_load_pa, IMAGE_LOAD_PA

	.section .boot.header, "ax"
	.code32
	.globl start32
start32:
	jmp	start32_go

/* Multiboot 1: modules on page borders, memory map, addresses of a flat image (no ELF) */
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003
	.balign 4
mb1_header:
	.long	MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long	PA(mb1_header), PA(__image_start), PA(__bss_start), PA(__bss_end), PA(start32)

#define MB2_MAGIC 0xe85250d6
	.balign 8
mb2_header:
	.long	MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))
	.balign 8	/* address */
	.short	2, 0
	.long	24, PA(mb2_header), PA(__image_start), PA(__bss_start), PA(__bss_end)
	.balign 8	/* entry address */
	.short	3, 0
	.long	12, PA(start32)
	.balign 8	/* console: text is understood */
	.short	4, 1
	.long	12, 2
	.balign 8	/* frame buffer, optional, any mode */
	.short	5, 1
	.long	20, 0, 0, 0
	.balign 8	/* modules on page borders */
	.short	6, 0
	.long	8
	.balign 8
	.short	0, 0
	.long	8
mb2_end:

start32_go:
	cli
	cld
	mov	%eax, %ebp		/* the loader's magic */
	mov	%ebx, %esi
	lgdt	PA(boot_gdt_pa)
	ljmp	$CS32, $PA(1f)
1:	mov	$DS64, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	/* The loader should have zeroed .bss; do not depend on it. The information lies outside: the header names its end. */
	mov	$PA(__bss_start), %edi
	mov	$PA(__bss_end), %ecx
	sub	%edi, %ecx
	shr	$2, %ecx
	rep stosl
	mov	$PA(boot_stack_top - BOOT_CPU_INFO_ROOM), %esp
	mov	%ebp, PA(boot_magic)
	mov	%esi, PA(boot_info_pa)

	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	call	ext_features
	bt	$29, %edx		/* LM */
	jnc	no_long_mode
	bt	$20, %edx		/* NX */
	jc	2f
	/* Firmware may have hidden NX on Intel: bit 34 of MISC_ENABLE */
	xor	%eax, %eax
	cpuid
	cmp	$0x756e6547, %ebx	/* Genu */
	jne	no_long_mode
	mov	$MSR_MISC_ENABLE, %ecx
	rdmsr
	btr	$2, %edx
	wrmsr
	call	ext_features
	bt	$20, %edx
	jnc	no_long_mode
2:	mov	%cr4, %eax
	or	$(1 << 5), %eax		/* PAE */
	mov	%eax, %cr4
	mov	$PA(boot_l4), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$((1 << 11) | (1 << 8)), %eax	/* NXE, LME */
	wrmsr
	mov	$0x80010033, %eax	/* PG WP NE ET MP PE */
	mov	%eax, %cr0
	ljmp	$CS64, $PA(start64)

ext_features:
	mov	$0x80000001, %eax
	cpuid
	ret

/* Nothing else works yet: say it on the screen and on the first serial port. */
no_long_mode:
	mov	$PA(no_long_mode_text), %esi
	mov	$0xb8000, %edi
3:	lodsb
	test	%al, %al
	jz	4f
	mov	%al, (%edi)
	movb	$0x0f, 1(%edi)
	add	$2, %edi
	mov	$0x3f8, %dx
	out	%al, %dx
	jmp	3b
4:	hlt
	jmp	4b

	.code64
start64:
	movabs	$start_high, %rax
	jmp	*%rax

	.text
start_high:
	lgdt	boot_gdt_va(%rip)
	lea	boot_stack_top - BOOT_CPU_INFO_ROOM(%rip), %rsp
	xor	%ebp, %ebp
	mov	boot_magic(%rip), %edi
	mov	boot_info_pa(%rip), %esi
	call	boot_start		/* does not return */
	ud2

	.section .init.data, "aw"
no_long_mode_text:
	.asciz	"Anel needs a 64-bit CPU with NX."

	.data
	.balign 8
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* CS64 */
	.quad	0x00cf93000000ffff	/* DS64 */
	.quad	0x00cf9b000000ffff	/* CS32 */
boot_gdt_end:
	.balign 8
	.short	0, 0, 0
boot_gdt_pa:
	.short	boot_gdt_end - boot_gdt - 1
	.long	PA(boot_gdt)
	.balign 8
	.short	0, 0, 0
boot_gdt_va:
	.short	boot_gdt_end - boot_gdt - 1
	.quad	boot_gdt

/*
 * Early page tables: the first 4 GiB at their own addresses (executable) and in the direct map (not executable), the first
 * 16 MiB of the load area at the image's address. boot_l4 stays as the root on which other CPUs enter long mode.
 */
#define TABLE 0x63		/* P W A D */
#define LARGE 0xe3		/* P W A D PS */
#define NX 0x8000000000000000
	.balign 4096
	.globl boot_l4, boot_l3_low, boot_l3_direct, boot_l3_image, boot_l2_image, boot_l2_4g
boot_l4:
	.quad	PA(boot_l3_low) + TABLE
	.skip	8 * 260
	.quad	PA(boot_l3_image) + TABLE	/* slot 261 */
	.quad	PA(boot_l3_direct) + TABLE	/* slot 262 */
	.skip	8 * (511 - 262)
boot_l3_low:
	.quad	PA(boot_l2_4g) + TABLE, PA(boot_l2_4g) + 4096 + TABLE
	.quad	PA(boot_l2_4g) + 8192 + TABLE, PA(boot_l2_4g) + 12288 + TABLE
	.skip	8 * 508
boot_l3_direct:
	.quad	PA(boot_l2_4g) + TABLE + NX, PA(boot_l2_4g) + 4096 + TABLE + NX
	.quad	PA(boot_l2_4g) + 8192 + TABLE + NX, PA(boot_l2_4g) + 12288 + TABLE + NX
	.skip	8 * 508
boot_l3_image:
	.skip	8 * 321
	.quad	PA(boot_l2_image) + TABLE
	.skip	8 * (511 - 321)
boot_l2_image:
	.set	n, 0
	.rept	8
	.quad	n * 0x200000 + LARGE
	.set	n, n + 1
	.endr
	.skip	8 * 504
boot_l2_4g:
	.set	n, 0
	.rept	2048
	.quad	n * 0x200000 + LARGE
	.set	n, n + 1
	.endr

	.bss
	.balign 4
boot_magic:
	.skip	4
boot_info_pa:
	.skip	4
	.balign 1 << BOOT_STACK_SHIFT
	.globl boot_stack
boot_stack:
	.skip	1 << BOOT_STACK_SHIFT
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
