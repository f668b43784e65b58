/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Non-maskable interrupts: the watchdog for stuck CPUs, stopping the others in a panic, dom0's NMIs. */
#ifndef X86_NMI_H
#define X86_NMI_H
#include "x86/current.h"

/* The #NMI handler (entry.S): on the NMI stack, must not fault. */
void nmi_handler(struct cpu_user_regs *regs);
/*
 * Panic: stops all other CPUs by NMI; each calls show(its registers), one at a time, then halts for ever. Waits at most
 * a second for them. show may be NULL.
 */
void smp_stop_others(void (*show)(const struct cpu_user_regs *regs));
/* Debug key: each other CPU calls show(its registers) and goes on. Waits at most a second. */
void smp_show_others(void (*show)(const struct cpu_user_regs *regs));
/* Upward: a platform NMI (SERR, IOCHK) that nobody here asked for; NULL: logged only. NMI context. */
extern void (*nmi_platform_hook)(uint8_t reason);

unsigned nmi_count(unsigned cpu);	/* since the start */

/* The watchdog: 'watchdog' on the command line. */
void watchdog_init(void);		/* boot CPU, when all CPUs are up and the long work of the start is done */
void watchdog_start_cpu(void);		/* a CPU that comes later; interrupts off */
extern bool watchdog_on;
void watchdog_progress(void);		/* this CPU ran its timer softirq */
void watchdog_check(void);		/* from the APIC timer interrupt */
void watchdog_suspend(bool off);	/* nests; long polled work (panic output) */
#endif
