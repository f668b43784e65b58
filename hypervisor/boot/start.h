/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the parsers of boot/ only: copying out of what a loader left in memory below 4 GiB, which may be odd. */
#ifndef BOOT_START_H
#define BOOT_START_H
#include "boot/boot.h"

/* [pa, pa + size) for reading, or NULL where it leaves the first 4 GiB. */
const void *boot_phys(paddr_t pa, size_t size);
/* A copy, for good, of the text at s of at most max bytes; "" when there is no room left. NULL is fine. */
const char *boot_copy_text(const char *s, size_t max);
void boot_add_mem(uint64_t start, uint64_t size, uint32_t type);	/* any order, overlaps allowed */
void boot_add_module(paddr_t start, paddr_t end, const char *text, size_t max);
void boot_find_efi_rsdp(void);
#endif
