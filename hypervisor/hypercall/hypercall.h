/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dispatch: one table (hypercall/dispatch.c). A row says number, name, handler, how many arguments, who may call, whether it may be
 * issued again. Sub-operations have tables of their own in their files.
 */
#ifndef HYPERCALL_HYPERCALL_H
#define HYPERCALL_HYPERCALL_H
#include "sched/preempt.h"
#include "gmem/guest_access.h"
enum hc_who { HC_ANYONE, HC_CONTROL, HC_HARDWARE };
struct hypercall_row { uint8_t nargs; uint8_t who; const char *name; hypercall_fn *fn; };
extern const struct hypercall_row hypercall_table[64];
hypercall_fn hc_memory_op, hc_multicall, hc_set_timer_op, hc_xen_version, hc_console_io, hc_grant_table_op, hc_vcpu_op, hc_sched_op,
	hc_sched_op_compat, hc_event_channel_op, hc_event_channel_op_compat, hc_physdev_op, hc_physdev_op_compat, hc_hvm_op, hc_sysctl,
	hc_domctl, hc_platform_op, hc_xsm_op, hc_kexec_op, hc_tmem_op, hc_argo_op, hc_hypfs_op, hc_xenpmu_op, hc_dm_op, hc_mca,
	hc_xenoprof_op;
void hypercall_init(void);
#endif
