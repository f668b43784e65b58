/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCHED_HOTPLUG_H
#define SCHED_HOTPLUG_H
#include "sched/sched.h"

/*
 * CPUs go and come. Both end in 0; -EINVAL: no such CPU, or the first, which
 * stays; -EEXIST: it is so already; -EBUSY: another is under way, somebody is pinned there for a while, or it is all that a pool
 * with domains has; -ENODEV: it is of another pool than the first; -ENOSPC: its interrupts find no other place.
 */
/* -EAGAIN_HYPERCALL: not done yet; call again from another start of the hypercall */
long cpu_take_offline(unsigned cpu);
long cpu_bring_online(unsigned cpu);

extern bool cpus_booted;			/* a CPU that starts now comes late */
/* The idle loop: is there work for a CPU that is to go? */
extern volatile unsigned cpu_to_stop;	/* NR_CPUS: none */
void cpu_stop_work(void);
#endif
