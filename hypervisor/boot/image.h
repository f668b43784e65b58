/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that head.S, the linker script and C must agree on; for the assembler too. */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H
#define IMAGE_VIRT_BASE		0xffff82d040000000	/* IMAGE_VIRT_START; the image's byte at physical 0 would be here */
#define DIRECT_VIRT_BASE	0xffff830000000000	/* DIRECTMAP_VIRT_START */
#define IMAGE_LOAD_PA		0x200000
#define BOOT_STACK_SHIFT	15			/* STACK_SHIFT */
#define BOOT_CPU_INFO_ROOM	512			/* kept free at the stack's top: at least sizeof(struct cpu_info) */
#endif
