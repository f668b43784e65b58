/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of the machine, told as well as can be (lib/panic.h declares panic itself). */
#ifndef X86_PANIC_H
#define X86_PANIC_H
#include "x86/current.h"
/* A CPU that was stopped: what it ran (registers, and the trace if it was in the hypervisor). NMI context. */
void show_one_cpu(const struct cpu_user_regs *regs);
/* As panic, for a trap in the hypervisor that nothing mends; regs: what it interrupted. */
void panic_at(const struct cpu_user_regs *regs, const char *fmt, ...) __printf(2, 3) __noreturn;
/* After a crash, the hypervisor's or dom0's: waits 5 s and reboots, or halts with 'noreboot'. */
void reboot_unless_told(void) __noreturn;
#endif
