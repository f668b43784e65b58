// SPDX-License-Identifier: GPL-2.0-or-later
// sources: boot/multiboot1.c boot/multiboot2.c boot/info.c boot/memmap.c lib/string.c
// globals: text_used
/*
 * The loader's tables, multiboot 1 and 2, and the EFI system table that they name. The input is the machine's memory: nothing
 * outside it is read, and boot_info comes out sane.
 */
#include "fuzz.h"
#include "boot/info.h"
#include "boot/memmap.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"

extern size_t text_used;	/* of boot/info.c: texts are kept for good there */
static uint8_t *memory;
static size_t memory_size;

const void *boot_phys(paddr_t pa, size_t size)
{
	return pa >= memory_size || size > memory_size - pa ? NULL : memory + pa;
}
paddr_t image_to_pa(const void *sym) { return 0x200000; }

static void check_sane(void)
{
	CHECK(boot_info.nr_mem <= 256 && boot_info.nr_modules <= 16);
	CHECK(strlen(boot_info.cmdline) < 6144 && strlen(boot_info.loader) <= 64);
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		CHECK(boot_info.module[i].size && boot_info.module[i].start + boot_info.module[i].size <= 1ull << 32);
		CHECK(strlen(boot_info.module[i].cmdline) < 6144);
	}
	for (unsigned i = 0; i < boot_info.nr_mem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		CHECK(m->size && m->start + m->size > m->start);
		CHECK((i == 0 || m->start >= m[-1].start + m[-1].size));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	text_used = 0;
	memory_size = size - 1;
	memory = malloc(memory_size);
	memcpy(memory, data + 1, memory_size);
	boot_info = (struct boot_info){ .cmdline = "", .loader = "" };
	if (data[0] & 1)
		multiboot1_parse(data[0] & 0xf8);
	else
		multiboot2_parse(data[0] & 0xf8);
	boot_strip_names();
	boot_sort_mem(&boot_info);
	check_sane();
	free(memory);
	return 0;
}
