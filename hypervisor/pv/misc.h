/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small state that a PV kernel sets by hypercall. */
#ifndef PV_MISC_H
#define PV_MISC_H
#include "sched/preempt.h"

hypercall_fn hc_stack_switch, hc_fpu_taskswitch, hc_set_segment_base, hc_set_debugreg, hc_get_debugreg, hc_vm_assist;
int pv_set_debugreg(struct vcpu *v, unsigned reg, uint64_t value);	/* -EPERM, -EINVAL */
void pv_load_debugregs(struct vcpu *v);
/* TSD of the CPU is what v, which runs here or is about to, needs. Interrupts off. */
#define CR4_GUEST_TSD (1ul << 2)
void pv_load_cr4(const struct vcpu *v);
#endif
