/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Return from a trap, and the change between a guest's kernel and its user. */
#ifndef PV_IRET_H
#define PV_IRET_H
#include "sched/preempt.h"

void pv_toggle_mode(struct vcpu *v);		/* kernel <-> user: root, GS */
void pv_iret(struct cpu_user_regs *regs);	/* HYPERVISOR_iret; regs: the guest's, on this CPU's stack */
hypercall_fn hc_iret;
#endif
