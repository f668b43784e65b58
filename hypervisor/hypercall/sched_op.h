/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Yield, block, poll, shut down, watchdogs. */
#ifndef HYPERCALL_SCHED_OP_H
#define HYPERCALL_SCHED_OP_H
#include "hypercall/hypercall.h"
struct watchdogs;
hypercall_fn hc_sched_op, hc_sched_op_compat, hc_set_timer_op;
/* Stops the timers; once, before the domain's memory goes. */
void watchdogs_free(struct watchdogs *w);
#endif
