/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a PV kernel wants to be called. */
#ifndef PV_CALLBACK_H
#define PV_CALLBACK_H
#include "sched/preempt.h"

hypercall_fn hc_set_trap_table, hc_set_callbacks, hc_callback_op, hc_nmi_op;
int pv_register_nmi(uint64_t eip);	/* of current; -EINVAL */
#endif
