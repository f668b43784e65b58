/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest is told of time. The functions that others call are in sched/sched.h. */
#ifndef SCHED_GUEST_TIME_H
#define SCHED_GUEST_TIME_H
#include "sched/sched.h"
/* Upward: gmem/guest_access.c provides it: bytes NOT copied to the running guest's linear address. */
size_t __must_check guest_copy_out(void *guest_dst, const void *src, size_t n);
/* And: r, at the running guest's linear address; 'told': XEN_RUNSTATE_UPDATE is there while it is being written. False: fault. */
bool __must_check guest_runstate_out(struct vcpu_runstate_info *to, const struct vcpu_runstate_info *r, bool told);
#endif
