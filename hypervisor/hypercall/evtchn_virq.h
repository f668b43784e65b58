/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual interrupts: which are global, who handles them, how they are bound. */
#ifndef HYPERCALL_EVTCHN_VIRQ_H
#define HYPERCALL_EVTCHN_VIRQ_H
#include "hypercall/evtchn_priv.h"
/* -EINVAL, -ENOENT no such vCPU, -EEXIST bound already, -ENOSPC, -ENOMEM */
int evtchn_op_bind_virq(void *arg);
bool virq_is_global(uint32_t virq);
void virq_handlers_drop(struct domain *d);	/* d is dying: dom0 handles what was given to it */
#endif
