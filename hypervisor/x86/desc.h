/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables of the host: IDT, and per CPU the page of reserved GDT entries and the TSS. */
#ifndef X86_DESC_H
#define X86_DESC_H
#include "x86/traps.h"

/* Index in the reserved page of a selector such as HV_CS. */
#define RESERVED_GDT_INDEX(sel) (((sel) - 0xe000u) >> 3)
#define RESERVED_GDT_BASE 0xe000u

/* Pages of the stack area that are stacks of their own, from the lowest. */
enum { IST_PAGE_DF, IST_PAGE_MC, IST_PAGE_NMI, IST_PAGE_DB, IST_PAGES };
BUILD_ASSERT(IST_PAGES == STACK_GUARD_PAGE);

/*
 * Fills CPU's GDT page and TSS: stack is the base of its STACK_SIZE bytes, gdt a zeroed page (NULL: the boot CPU's static
 * one). The CPU then calls cpu_load_tables on itself. For the boot CPU before memory is up; for others before they start.
 */
void desc_setup_cpu(unsigned cpu, void *stack, uint64_t *gdt);
/* Builds the IDT that all CPUs share. */
void desc_setup_idt(void);
#endif
