/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dispatch: one table (hypercall/dispatch.c). A row says number, name, handler, how many arguments and who
 * may call. Sub-operations have tables of their own in their files.
 */
#ifndef HYPERCALL_HYPERCALL_H
#define HYPERCALL_HYPERCALL_H
#include "sched/preempt.h"
#include "gmem/guest_access.h"
enum hc_who { HC_ANYONE, HC_CONTROL, HC_HARDWARE };
struct hypercall_row { uint8_t nargs; uint8_t who; const char *name; hypercall_fn *fn; };
extern const struct hypercall_row hypercall_table[64];
hypercall_fn hc_grant_table_op, hc_event_channel_op, hc_event_channel_op_compat, hc_physdev_op,
	hc_physdev_op_compat;
/* After the heap and before any domain: CPU policies, and what lower layers call. */
void hypercall_init(void);
#endif
