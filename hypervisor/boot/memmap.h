/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H
#include "boot/boot.h"
/* Sorts the memory map, resolves overlaps (what is not RAM wins), joins neighbours. */
void boot_sort_mem(struct boot_info *b);
#endif
