/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start of the other CPUs: parts that cpu.c and time.c need. */
#ifndef X86_SMP_H
#define X86_SMP_H
#include "x86/cpu.h"

/* Keeps the initial contents of the per-CPU area for the others' copies: before anything writes to it. */
void percpu_keep_template(void);
/* Per-CPU areas of all CPUs that ACPI lists; needs memory. Numbers the CPUs: 0 is the boot CPU, the rest in MADT order. */
void percpu_init(void);
/* CPUs that have a per-CPU area: 0..nr_cpus_possible-1. Not all of them need to be online. */
extern unsigned nr_cpus_possible;
/* Base of a CPU's stack area, NULL if it has none. */
char *cpu_stack_base(unsigned cpu);
#endif
