/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that C, assembly and the linker script share. */
#pragma once

#define VIRT_BASE   0xffffffff80000000
#define LOAD_OFFSET 0x100000	/* the image starts 1 MiB into the guest's memory */
#define STACK_SIZE  16384	/* each stack is aligned to its size and holds its vCPU's number at the bottom */
#define MAX_CPUS    4
