/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that a boot protocol hands over, in one form. Filled by boot/multiboot*.c before init.c runs. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H
#include "boot/cmdline.h"
#include "lib/types.h"
struct boot_mem { uint64_t start, size; uint32_t type; uint32_t pad; };	/* E820 types */
#define EFI_MEM_RUNTIME (1ull << 63)
struct boot_efi_mem { uint64_t start, size, attributes; uint32_t type, pad; };
/* The first is dom0's kernel, the second its initrd. The command line is without the file's name. */
struct boot_module { paddr_t start, size; const char *cmdline; };
struct boot_info {
	const char *cmdline;		/* without the image's own name */
	const char *loader;
	bool efi; paddr_t efi_systab; paddr_t rsdp;
	/* Of the system table: the services' table, configuration tables, who made the firmware (UCS-2) */
	paddr_t efi_runtime, efi_tables;
	uint32_t efi_revision, efi_vendor_revision, nr_efi_tables;
	uint16_t efi_vendor[64];
	unsigned nr_efi_mem; struct boot_efi_mem efi_mem[256];	/* as the firmware has it */
	unsigned nr_mem; struct boot_mem mem[256];	/* sorted, not overlapping */
	unsigned nr_modules; struct boot_module module[16];
	struct {
		bool present, text;		/* text: VGA text mode, else a frame buffer */
		paddr_t base;
		uint32_t width, height, pitch;
		uint8_t bpp, type;		/* type as in Multiboot: 0 indexed, 1 direct colour, 2 text */
		uint8_t rpos, rsize, gpos, gsize, bpos, bsize;
		uint16_t text_cols, text_rows;
	} video;
	paddr_t image_start, image_end;	/* where the hypervisor lies */
};
extern struct boot_info boot_info;
/* The early root table (head.S), below 4 GiB: the first 4 GiB at their own addresses besides the hypervisor's slots. The other
 * CPUs enter long mode on it. */
extern uint64_t boot_l4[512];
#endif
