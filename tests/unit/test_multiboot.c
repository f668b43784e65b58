// SPDX-License-Identifier: GPL-2.0-or-later
// sources: boot/multiboot1.c boot/multiboot2.c boot/info.c boot/memmap.c lib/string.c
/*
 * Story: the loader's tables come from outside, and loaders differ. What would be wrong: a table of odd length that is
 * read past its end, a count that is believed, a text that never ends. First, what real loaders give must be understood;
 * then the same bytes are changed at random, and nothing may be read outside the memory there is (ASan knows), and boot_info
 * must stay sane.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/info.h"
#include "boot/memmap.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"

#define SIZE 16384u
#define INFO 0x100u

static unsigned char *memory;	/* all the physical memory there is; exact, so that ASan sees one byte more */

const void *boot_phys(paddr_t pa, size_t size)
{
	return pa >= SIZE || size > SIZE - pa ? NULL : memory + pa;
}
paddr_t image_to_pa(const void *sym) { (void)sym; return 0x200000; }

static void put32(unsigned at, uint32_t v) { memcpy(memory + at, &v, 4); }
static void put64(unsigned at, uint64_t v) { memcpy(memory + at, &v, 8); }
static void text(unsigned at, const char *s) { strcpy((char *)memory + at, s); }

static void mmap1(unsigned at, uint64_t start, uint64_t size, uint32_t type)
{
	put32(at, 20);
	put64(at + 4, start);
	put64(at + 12, size);
	put32(at + 20, type);
}

/* As QEMU's -kernel does */
static void fill1(void)
{
	memset(memory, 0, SIZE);
	put32(INFO, 1u << 2 | 1u << 3 | 1u << 6 | 1u << 9 | 1u << 12);
	put32(INFO + 16, 0x1000);
	text(0x1000, "/boot/anel console=com1 loglvl=all");
	put32(INFO + 20, 2);
	put32(INFO + 24, 0x400);
	put32(0x400, 0x300000);
	put32(0x404, 0x300800);
	put32(0x408, 0x1100);
	text(0x1100, "vmlinuz quiet");
	put32(0x410, 0x301000);
	put32(0x414, 0x302000);
	put32(INFO + 44, 72);
	put32(INFO + 48, 0x500);
	mmap1(0x500, 0x100000, 0x700000, 1);
	mmap1(0x518, 0, 0x9fc00, 1);
	mmap1(0x530, 0x700000, 0x200000, 2);
	put32(INFO + 64, 0x1200);
	text(0x1200, "qemu");
	put64(INFO + 88, 0xb8000);
	put32(INFO + 100, 80);
	put32(INFO + 104, 25);
	memory[INFO + 109] = 2;
}

static unsigned tag(unsigned at, uint32_t type, uint32_t size)
{
	put32(at, type);
	put32(at + 4, size);
	return (at + size + 7) & ~7u;
}

/* As GRUB does on UEFI */
static void fill2(void)
{
	unsigned at = INFO + 8, next;

	memset(memory, 0, SIZE);
	next = tag(at, 1, 8 + 12);
	text(at + 8, "console=com1");
	at = next;
	next = tag(at, 2, 8 + 10);
	text(at + 8, "GRUB 2.06");
	at = next;
	next = tag(at, 3, 16 + 18);
	put32(at + 8, 0x300000);
	put32(at + 12, 0x380000);
	text(at + 16, "placeholder quiet");
	at = next;
	next = tag(at, 6, 16 + 48);
	put32(at + 8, 24);
	put64(at + 16, 0x100000);
	put64(at + 24, 0x700000);
	put32(at + 32, 1);
	put64(at + 40, 0x800000);
	put64(at + 48, 0x8000);
	put32(at + 56, 4);
	at = next;
	next = tag(at, 12, 16);
	put64(at + 8, 0x2000);
	at = next;
	next = tag(at, 8, 38);
	put64(at + 8, 0x80000000);
	put32(at + 16, 3200);
	put32(at + 20, 800);
	put32(at + 24, 600);
	memory[at + 28] = 32;
	memory[at + 29] = 1;
	memory[at + 32] = 16;
	memory[at + 33] = memory[at + 35] = memory[at + 37] = 8;
	memory[at + 34] = 8;
	at = next;
	next = tag(at, 15, 8 + 36);
	text(at + 8, "RSD PTR ");
	at = tag(next, 0, 8);
	put32(INFO, at - INFO);
	/* the EFI system table, and its list of tables */
	text(0x2000, "IBI SYST");
	put64(0x2000 + 104, 1);
	put64(0x2000 + 112, 0x2100);
	memcpy(memory + 0x2100, "\x71\xe8\x68\x88\xf1\xe4\xd3\x11\xbc\x22\x00\x80\xc7\x3c\x88\x81", 16);
	put64(0x2110, 0x3000);
}

static void parse(int protocol)
{
	boot_info = (struct boot_info){ .cmdline = "", .loader = "" };
	if (protocol == 1)
		multiboot1_parse(INFO);
	else
		multiboot2_parse(INFO);
	boot_strip_names();
	boot_sort_mem(&boot_info);
}

static void understands_multiboot1(void **state)
{
	fill1();
	parse(1);
	assert_string_equal(boot_info.cmdline, "console=com1 loglvl=all");
	assert_string_equal(boot_info.loader, "qemu");
	assert_int_equal(boot_info.nr_modules, 2);
	assert_int_equal(boot_info.module[0].start, 0x300000);
	assert_int_equal(boot_info.module[0].size, 0x800);
	assert_string_equal(boot_info.module[0].cmdline, "quiet");
	assert_string_equal(boot_info.module[1].cmdline, "");
	assert_int_equal(boot_info.nr_mem, 3);
	assert_int_equal(boot_info.mem[1].start, 0x100000);
	assert_int_equal(boot_info.mem[1].size, 0x600000);	/* what is reserved too is not RAM */
	assert_true(boot_info.video.present && boot_info.video.text);
	assert_int_equal(boot_info.video.text_rows, 25);
}

static void understands_multiboot2(void **state)
{
	fill2();
	parse(2);
	assert_string_equal(boot_info.cmdline, "console=com1");
	assert_string_equal(boot_info.module[0].cmdline, "placeholder quiet");	/* GRUB 2 gives no file name */
	assert_int_equal(boot_info.module[0].size, 0x80000);
	assert_int_equal(boot_info.nr_mem, 2);
	assert_true(boot_info.efi);
	assert_int_equal(boot_info.rsdp, 0x3000);	/* the firmware's, not the loader's copy */
	assert_true(boot_info.video.present && !boot_info.video.text);
	assert_int_equal(boot_info.video.pitch, 3200);
	assert_int_equal(boot_info.video.rpos, 16);
}

static void check_sane(void)
{
	assert_true(boot_info.nr_mem <= 256 && boot_info.nr_modules <= 16);
	assert_true(strlen(boot_info.cmdline) < 6144 && strlen(boot_info.loader) <= 64);
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		assert_true(boot_info.module[i].size && boot_info.module[i].start + boot_info.module[i].size <= 1ull << 32);
		assert_true(strlen(boot_info.module[i].cmdline) < 6144);
	}
	for (unsigned i = 0; i < boot_info.nr_mem; i++) {
		assert_true(boot_info.mem[i].size);
		assert_true(boot_info.mem[i].start + boot_info.mem[i].size > boot_info.mem[i].start);
	}
}

static void survives_anything(void **state)
{
	static const uint32_t odd[] = { 0, 1, 7, 8, 0x3fff, 0x4000, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff };

	for (int i = 0; i < 60000; i++) {
		int protocol = 1 + i % 2;

		if (protocol == 1)
			fill1();
		else
			fill2();
		for (int n = rand() % 6; n >= 0; n--) {
			unsigned at = (rand() % 2 ? INFO : rand() % 2 ? 0x400 : 0x2000) + rand() % 0x180;

			if (rand() % 2)
				put32(at & ~3u, odd[rand() % 10]);
			else
				memory[at] = rand();
		}
		if (rand() % 64 == 0)
			memset(memory + 0x1000, 'x', SIZE - 0x1000);	/* texts without an end */
		parse(protocol);
		check_sane();
	}
	boot_info = (struct boot_info){ .cmdline = "", .loader = "" };
	multiboot1_parse(SIZE - 4);
	multiboot2_parse(SIZE - 4);
	multiboot2_parse(0xfffffff0);
	check_sane();
}

static int setup(void **state)
{
	memory = malloc(SIZE);
	return !memory;
}

static int teardown(void **state)
{
	free(memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands_multiboot1), cmocka_unit_test(understands_multiboot2),
		cmocka_unit_test(survives_anything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
