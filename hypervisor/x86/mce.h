/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine checks: logged; an uncorrected one is a panic. No recovery, no telemetry for dom0. */
#ifndef X86_MCE_H
#define X86_MCE_H
#include "x86/current.h"
void mce_handler(struct cpu_user_regs *regs);	/* entry.S, on the #MC stack */
void mce_init_cpu(void);			/* each CPU: all banks report */
#endif
