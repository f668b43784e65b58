/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: the operations that bind a port or tell of it. Arguments are copies; 0 or -errno; they
 * take event_lock.
 */
#ifndef HYPERCALL_EVTCHN_BIND_H
#define HYPERCALL_EVTCHN_BIND_H
#include "hypercall/evtchn_priv.h"
int evtchn_op_alloc_unbound(void *arg);
int evtchn_op_bind_interdomain(void *arg);
int evtchn_op_bind_pirq(void *arg);
int evtchn_op_bind_ipi(void *arg);
int evtchn_op_bind_vcpu(void *arg);
int evtchn_op_status(void *arg);
#endif
