/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start of memory management; the boot CPU. */
#ifndef MEM_MEM_INIT_H
#define MEM_MEM_INIT_H
/* From boot_info and ACPI's tables (nodes): direct map, frame table, M2P, allocator, heap. Panics without RAM. */
void mem_init(void);
/* After dom0 has been built: gives back .init, and the boot modules' memory. Interrupts on. */
void mem_free_boot(void);
#endif
