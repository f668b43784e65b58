/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door from head.S. */
#ifndef BOOT_START_H
#define BOOT_START_H
#include "lib/types.h"
/* On the early page tables and the boot CPU's stack: EAX and EBX as the loader left them. */
void boot_start(uint32_t magic, uint32_t info) __noreturn;
#endif
