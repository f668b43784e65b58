/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H
#include "lib/types.h"
#define MB2_BOOT_MAGIC 0x36d76289u	/* in EAX at entry */
void multiboot2_parse(paddr_t info);	/* fills boot_info; what is odd is left out */
#endif
