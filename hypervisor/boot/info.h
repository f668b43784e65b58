/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the parsers of boot/ only: filling boot_info from what a loader left in memory below 4 GiB, which may be odd. All is copied:
 * the loader's memory is given away later.
 */
#ifndef BOOT_INFO_H
#define BOOT_INFO_H
#include "boot/boot.h"

/* [pa, pa + size) for reading, or NULL where it leaves the first 4 GiB. (boot/start.c) */
const void *boot_phys(paddr_t pa, size_t size);
/* A copy, for good, of the text at s of at most max bytes; "" when there is no room left. NULL is fine. */
const char *boot_copy_text(const char *s, size_t max);
void boot_add_mem(uint64_t start, uint64_t size, uint32_t type);	/* any order, overlaps allowed */
void boot_add_module(paddr_t start, paddr_t end, const char *text, size_t max);
/* boot_info.rsdp by the EFI system table, where it is there and names one. */
void boot_take_efi_table(void);
/* Takes the file's name off the command lines, where the loader puts it there. */
void boot_strip_names(void);
#endif
