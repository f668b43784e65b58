/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of the hypervisor: a heap per CPU; functions run in SOFTIRQ_TIMER, interrupts on, on the timer's CPU. */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H
#include "lib/types.h"
struct timer { s_time_t expires; void (*fn)(void *arg); void *arg; unsigned cpu; uint32_t slot; uint8_t state; };
void timer_setup(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu);
void timer_set(struct timer *t, s_time_t expires);	/* any CPU; replaces the earlier expiry */
void timer_stop(struct timer *t);			/* may still be running on another CPU */
void timer_kill(struct timer *t);			/* waits until it is not running; cannot be set again */
void timer_migrate(struct timer *t, unsigned cpu);
void timer_subsystem_init(void);
#endif
