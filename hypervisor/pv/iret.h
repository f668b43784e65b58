/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Return from a trap. */
#ifndef PV_IRET_H
#define PV_IRET_H
#include "sched/preempt.h"

/* HYPERVISOR_iret; regs: the guest's, on this CPU's stack. Interrupts on or off; off after it, if the guest goes to its user. */
void pv_iret(struct cpu_user_regs *regs);
hypercall_fn hc_iret;
#endif
