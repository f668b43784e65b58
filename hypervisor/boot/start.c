/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the loader's tables to struct boot_info. Runs on the early page tables of head.S, before anything else. */
#include "boot/start.h"
#include "boot/image.h"
#include "boot/memmap.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "init.h"
#include "lib/string.h"
#include "x86/current.h"
#include "x86/hooks.h"
#include "x86/layout.h"

BUILD_ASSERT(IMAGE_VIRT_BASE == IMAGE_VIRT_START && DIRECT_VIRT_BASE == DIRECTMAP_VIRT_START);
BUILD_ASSERT(BOOT_STACK_SHIFT == STACK_SHIFT && BOOT_CPU_INFO_ROOM >= sizeof(struct cpu_info));

#define BOOT_PHYS_LIMIT (1ull << 32)	/* what head.S maps */

struct boot_info boot_info;
extern char __image_start[], __image_end[];
void boot_start(uint32_t magic, uint32_t info) __noreturn;

/* Texts stay for good: dom0's and our own command line are asked for later. */
static char text_arena[6144];
static size_t text_used;

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

__init const char *boot_copy_text(const char *s, size_t max)
{
	size_t room = sizeof(text_arena) - text_used, n;
	char *to = text_arena + text_used;

	if (!s || room < 2)
		return "";
	n = MIN(strnlen(s, max), room - 1);
	memcpy(to, s, n);
	to[n] = 0;
	text_used += n + 1;
	return to;
}

/* The text without its first word where that is the file's name: all loaders but GRUB 2 ("GRUB 2.06") put it there. */
__init static const char *skip_name(const char *s)
{
	if (!strncmp(boot_info.loader, "GRUB ", 5) && boot_info.loader[5] != '0')
		return s;
	while (*s == ' ')
		s++;
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	return s;
}

__init void boot_add_mem(uint64_t start, uint64_t size, uint32_t type)
{
	if (!size || start + size < start || !type)
		return;
	if (boot_info.nr_mem == ARRAY_SIZE(boot_info.mem))
		boot_sort_mem(&boot_info);	/* may join some */
	if (boot_info.nr_mem == ARRAY_SIZE(boot_info.mem))
		return;
	boot_info.mem[boot_info.nr_mem++] = (struct boot_mem){ .start = start, .size = size, .type = type };
}

__init void boot_add_module(paddr_t start, paddr_t end, const char *text, size_t max)
{
	struct boot_module *m = &boot_info.module[boot_info.nr_modules];

	if (boot_info.nr_modules == ARRAY_SIZE(boot_info.module) || end <= start || end > BOOT_PHYS_LIMIT)
		return;
	m->start = start;
	m->size = end - start;
	m->cmdline = boot_copy_text(text, max);
	boot_info.nr_modules++;
}

struct efi_guid { uint32_t a; uint16_t b, c; uint8_t d[8]; };

/* The firmware's own RSDP is worth more than the loader's copy: dom0 is told its address. UEFI 2.9, 4.3 and 4.6. */
__init void boot_find_efi_rsdp(void)
{
	static const struct efi_guid acpi20 = { 0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0, 0x80, 0xc7, 0x3c, 0x88, 0x81 } };
	struct efi_entry { struct efi_guid guid; uint64_t table; } __packed;
	const char *st = boot_phys(boot_info.efi_systab, 120);
	uint64_t nr, tables;

	if (!boot_info.efi_systab || !st || memcmp(st, "IBI SYST", 8))
		return;
	memcpy(&nr, st + 104, 8);
	memcpy(&tables, st + 112, 8);
	if (nr > 256)
		return;
	const struct efi_entry *e = boot_phys(tables, nr * sizeof(*e));

	for (uint64_t i = 0; e && i < nr; i++)
		if (!memcmp(&e[i].guid, &acpi20, sizeof(acpi20)) && boot_phys(e[i].table, 36))
			boot_info.rsdp = e[i].table;
}

/* Called by head.S on the boot CPU's stack. */
void boot_start(uint32_t magic, uint32_t info)
{
	boot_info.image_start = image_to_pa(__image_start);
	boot_info.image_end = image_to_pa(__image_end);
	boot_info.cmdline = boot_info.loader = "";
	if (magic == MB1_BOOT_MAGIC)
		multiboot1_parse(info);
	else if (magic == MB2_BOOT_MAGIC)
		multiboot2_parse(info);
	boot_info.cmdline = skip_name(boot_info.cmdline);
	for (unsigned i = 0; i < boot_info.nr_modules; i++)
		boot_info.module[i].cmdline = skip_name(boot_info.module[i].cmdline);
	boot_sort_mem(&boot_info);
	anel_main();
	__builtin_unreachable();
}
