/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of the hypervisor: an ordered set per CPU; functions run in SOFTIRQ_TIMER, interrupts on, on the timer's CPU, and may
 * set or free their own timer. Any context may call what follows, timer_kill excepted. Lock: one per CPU, innermost.
 */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H
#include "sched/tree.h"
enum timer_state { TIMER_IDLE, TIMER_SET, TIMER_DEAD };
struct timer {
	struct tree_node node;		/* key: expiry, ns of system time */
	void (*fn)(void *arg);
	void *arg;
	volatile unsigned cpu;
	enum timer_state state;
};
void timer_setup(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu);
void timer_set(struct timer *t, s_time_t expires);	/* any CPU; replaces the earlier expiry */
void timer_stop(struct timer *t);			/* may still be running on another CPU */
void timer_kill(struct timer *t);			/* waits until it is not running; cannot be set again */
void timer_migrate(struct timer *t, unsigned cpu);
static inline bool timer_is_set(const struct timer *t) { return t->state == TIMER_SET; }
void timers_leave_cpu(unsigned to);	/* this CPU goes: all its timers fire on 'to'; interrupts off */
void timers_cpu_online(unsigned cpu);
void timer_subsystem_init(void);
#endif
