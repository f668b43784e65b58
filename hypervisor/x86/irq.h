/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines of the host. An irq is Xen's number: GSIs first (0..nr_gsis-1), MSIs after. Hypervisor handlers by
 * irq_request; a line given to a guest calls the ops that hypercall/pirq registers. Vectors: 0x20..0xff; the top 16 for IPIs.
 */
#ifndef X86_IRQ_H
#define X86_IRQ_H
#include "lib/types.h"
#include "lib/bitmap.h"
#include "x86/ioapic.h"
#include "x86/msi.h"
#include "x86/pci.h"
extern unsigned nr_gsis, nr_irqs;
/* irq_release and irq_guest_unbind wait for a handler or deliver that runs: never call them with a lock that those take. */
int irq_request(unsigned irq, void (*fn)(unsigned irq, void *arg), void *arg, const char *name);	/* -EBUSY, -EINVAL */
void irq_release(unsigned irq);
/*
 * Upward (hypercall/pirq.c): called with interrupts off when a guest-bound irq fires. Level lines stay masked until
 * irq_guest_eoi.
 */
struct irq_guest_ops { void (*deliver)(unsigned irq, void *cookie); };
void irq_set_guest_ops(const struct irq_guest_ops *ops);
int irq_guest_bind(unsigned irq, void *cookie, bool share);	/* unmasks; -EBUSY, -EINVAL */
void irq_guest_unbind(unsigned irq, void *cookie);
void irq_guest_eoi(unsigned irq);
bool irq_needs_eoi(unsigned irq);	/* level-triggered */
int irq_set_affinity(unsigned irq, const cpumask_t *mask);
/*
 * A CPU goes: first its lines are aimed at others. -EBUSY: some have moved just now, try again; -ENOSPC: then irq_left_cpu(NR_CPUS)
 * undoes it. When nothing is on its way to it any more, irq_left_cpu gives its vectors back.
 */
int irq_leave_cpu(unsigned cpu);
void irq_left_cpu(unsigned cpu);
uint32_t irq_taken(unsigned cpu, unsigned vector);	/* how often; VECTOR_TIMER and those of CPUs to each other (x86/apic.h) */
void irq_taken_forget(void);
void irq_init(void);
void irq_dump(void);			/* debug key i */
#endif
