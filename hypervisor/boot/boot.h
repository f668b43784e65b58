/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that a boot protocol hands over, in one form. Filled by boot/multiboot*.c before init.c runs. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H
#include "lib/types.h"
struct boot_mem { uint64_t start, size; uint32_t type; uint32_t pad; };	/* E820 types */
struct boot_module { paddr_t start, size; const char *cmdline; };	/* first: dom0's kernel; second: its initrd. cmdline: without the file's name */
struct boot_info {
	const char *cmdline;		/* without the image's own name */
	const char *loader;
	bool efi; paddr_t efi_systab; paddr_t rsdp;
	unsigned nr_mem; struct boot_mem mem[256];	/* sorted, not overlapping */
	unsigned nr_modules; struct boot_module module[16];
	struct { paddr_t base; uint32_t width, height, pitch; uint8_t bpp, type; uint8_t rpos, rsize, gpos, gsize, bpos, bsize; bool present, text; uint16_t text_cols, text_rows; } video;
	paddr_t image_start, image_end;	/* where the hypervisor lies */
};
extern struct boot_info boot_info;
/* The early root table (head.S), below 4 GiB: the first 4 GiB at their own addresses besides the hypervisor's slots. The other
 * CPUs enter long mode on it. */
extern uint64_t boot_l4[512];
/* Command line in Xen's words (docs/command-line.md). Typed parameters register in a table of boot/cmdline.c's section. */
struct boot_param { const char *name; void (*parse)(const char *value); const char *help; };
#define BOOT_PARAM(id, pname, fn, help_text) \
	static const struct boot_param __section(".boot_params") __attribute__((used, aligned(8))) boot_param_##id = { pname, fn, help_text }
void cmdline_parse(const char *line);	/* names an unknown word in the log */
/* For parse functions: "", "on", "yes", "true", "1" are true; *ok false where it is neither */
bool cmdline_bool(const char *value, bool *ok);
#endif
