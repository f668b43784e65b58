/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BOOT_MULTIBOOT1_H
#define BOOT_MULTIBOOT1_H
#include "lib/types.h"
#define MB1_BOOT_MAGIC 0x2badb002u	/* in EAX at entry */
void multiboot1_parse(paddr_t info);	/* fills boot_info; what is odd is left out */
#endif
