/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/info.h"
#include "boot/memmap.h"
#include "lib/string.h"

#define MODULE_LIMIT (1ull << 32)

struct boot_info boot_info = { .cmdline = "", .loader = "" };

/* Texts stay for good: dom0's and our own command line are asked for later. */
static char text_arena[6144];
static size_t text_used;

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

	if (boot_info.nr_modules == ARRAY_SIZE(boot_info.module) || end <= start || end > MODULE_LIMIT)
		return;
	m->start = start;
	m->size = end - start;
	m->cmdline = boot_copy_text(text, max);
	boot_info.nr_modules++;
}

struct efi_guid { uint32_t a; uint16_t b, c; uint8_t d[8]; };

/* The system table. The firmware's own RSDP is worth more than the loader's copy: dom0 is told its address. UEFI 2.9, 4.3, 4.6. */
__init void boot_take_efi_table(void)
{
	static const struct efi_guid acpi20 = { 0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0, 0x80, 0xc7, 0x3c, 0x88, 0x81 } };
	struct efi_entry { struct efi_guid guid; uint64_t table; } __packed;
	const char *st = boot_phys(boot_info.efi_systab, 120);
	uint64_t nr, tables, vendor;

	if (!boot_info.efi_systab || !st || memcmp(st, "IBI SYST", 8))
		return;
	memcpy(&boot_info.efi_revision, st + 8, 4);
	memcpy(&vendor, st + 24, 8);
	memcpy(&boot_info.efi_vendor_revision, st + 32, 4);
	memcpy(&boot_info.efi_runtime, st + 88, 8);
	memcpy(&nr, st + 104, 8);
	memcpy(&tables, st + 112, 8);
	if (nr > 256)
		return;
	if (boot_phys(vendor, sizeof(boot_info.efi_vendor) - 2))
		memcpy(boot_info.efi_vendor, boot_phys(vendor, sizeof(boot_info.efi_vendor) - 2), sizeof(boot_info.efi_vendor) - 2);
	boot_info.efi_tables = tables;
	boot_info.nr_efi_tables = nr;
	const struct efi_entry *e = boot_phys(tables, nr * sizeof(*e));

	for (uint64_t i = 0; e && i < nr; i++)
		if (!memcmp(&e[i].guid, &acpi20, sizeof(acpi20)) && boot_phys(e[i].table, 36))
			boot_info.rsdp = e[i].table;
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

__init void boot_strip_names(void)
{
	boot_info.cmdline = skip_name(boot_info.cmdline);
	for (unsigned i = 0; i < boot_info.nr_modules; i++)
		boot_info.module[i].cmdline = skip_name(boot_info.module[i].cmdline);
}
