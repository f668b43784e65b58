/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vectors of the CPUs: which line has which. */
#ifndef X86_VECTOR_H
#define X86_VECTOR_H
#include "x86/current.h"

DECLARE_PER_CPU(uint16_t[256], vector_irq);	/* irq + 1; 0: free */
/* n consecutive vectors, aligned to n (a power of two), on a CPU of mask for the lines irq..irq+n-1. -ENOSPC */
int vectors_alloc(const cpumask_t *mask, unsigned irq, unsigned n, unsigned *cpu, unsigned *first);
/* A CPU that goes gets none; NR_CPUS: all do. */
void vectors_leave_cpu(unsigned cpu);
int vectors_alloc_same(unsigned irq, unsigned n, unsigned first, unsigned *cpu);	/* those numbers on another */
void vector_free(unsigned cpu, unsigned vector);
/* The physical destination of interrupts to a CPU; without interrupt remapping ids up to 254 only (vectors_alloc sees to it). */
uint32_t irq_destination(unsigned cpu);
#endif
