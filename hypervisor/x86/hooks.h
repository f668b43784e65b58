/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What x86/ needs of the layers above and beside it: boot/ and its linker script, mem/, sched/, pv/.
 */
#ifndef X86_HOOKS_H
#define X86_HOOKS_H
#include "lib/types.h"

/* mem/ sets these at the end of mem_init. */
extern void *(*x86_alloc_pages)(unsigned order);	/* zeroed, direct-mapped, aligned to its size; NULL: no memory */
extern void (*x86_free_pages)(void *va, unsigned order);
/* A stack: STACK_SIZE bytes, aligned to it, zeroed, but for the page STACK_GUARD_PAGE, which is not mapped. NULL: no memory. */
extern void *(*x86_map_stack)(void);
extern void *(*x86_map_device)(paddr_t pa, size_t size);	/* uncached mapping that stays; NULL: no memory */

/*
 * mem/ keeps the first MiB of RAM out of the allocator: the start-up code of the other CPUs lies in a page of it.
 *
 * boot/ provides the boot CPU's stack: STACK_SIZE bytes, aligned to STACK_SIZE, zeroed, so that cpu_info() (current.h) is
 * CPU 0's. The lowest 16 KiB hold the #DF, #MC, NMI and #DB stacks (a page each, in this order), then comes the guard page,
 * which mem/ does not map, and the rest is the stack.
 */
extern char boot_stack[];

/* The linker script provides, around .ex_table, .data.percpu and the code. */
extern const char __ex_table_start[], __ex_table_end[];
extern char __percpu_start[], __percpu_end[];
extern const char __text_start[], __text_end[];

/* sched/ sets these: raise SOFTIRQ_TIMER, SOFTIRQ_SCHEDULE on this CPU. Called with interrupts off. */
extern void (*apic_timer_hook)(void), (*apic_turn_hook)(void);
/* sched/ sets this: this CPU has flushed for others, which an idle one need not do twice. Called with interrupts off. */
extern void (*tlb_flushed_hook)(void);

#endif
