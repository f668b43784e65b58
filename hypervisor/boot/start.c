/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the loader's tables to struct boot_info. Runs on the early page tables of head.S, before anything else. */
#include "boot/start.h"
#include "boot/image.h"
#include "boot/info.h"
#include "boot/memmap.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "init.h"
#include "x86/current.h"
#include "x86/hooks.h"
#include "x86/layout.h"

BUILD_ASSERT(IMAGE_VIRT_BASE == IMAGE_VIRT_START && DIRECT_VIRT_BASE == DIRECTMAP_VIRT_START);
BUILD_ASSERT(BOOT_STACK_SHIFT == STACK_SHIFT && BOOT_CPU_INFO_ROOM >= sizeof(struct cpu_info));

#define BOOT_PHYS_LIMIT (1ull << 32)	/* what head.S maps */

extern char __image_start[], __image_end[];

paddr_t image_to_pa(const void *sym)
{
	return (uint64_t)sym - IMAGE_VIRT_START;
}

__init const void *boot_phys(paddr_t pa, size_t size)
{
	if (pa >= BOOT_PHYS_LIMIT || size > BOOT_PHYS_LIMIT - pa)
		return NULL;
	return pa_to_va(pa);
}

/* Called by head.S on the boot CPU's stack. */
void boot_start(uint32_t magic, uint32_t info)
{
	boot_info.image_start = image_to_pa(__image_start);
	boot_info.image_end = image_to_pa(__image_end);
	if (magic == MB1_BOOT_MAGIC)
		multiboot1_parse(info);
	else if (magic == MB2_BOOT_MAGIC)
		multiboot2_parse(info);
	boot_strip_names();
	boot_sort_mem(&boot_info);
	anel_main();
	__builtin_unreachable();
}
