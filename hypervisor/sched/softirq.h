/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work to do before the CPU returns to a guest or idles: bits per CPU, handled in order with interrupts on. */
#ifndef SCHED_SOFTIRQ_H
#define SCHED_SOFTIRQ_H
#include "x86/current.h"
enum { SOFTIRQ_TIMER, SOFTIRQ_RCU, SOFTIRQ_SCHEDULE, SOFTIRQ_TASKLET, SOFTIRQ_KEY, SOFTIRQ_CHECK, SOFTIRQ_NR };
#define SOFTIRQ_POLLED (1u << 31)	/* in softirq_pending: the CPU idles and looks at it without pause, no IPI is needed */
void softirq_open(unsigned nr, void (*fn)(void));
void softirq_raise(unsigned nr);			/* this CPU; any context */
void softirq_raise_cpu(unsigned cpu, unsigned nr);	/* sends an IPI where needed */
void do_softirq(void);					/* until none is pending */
/* In the midst of long work of the boot or of a debug key: timers and keys only, never a switch of vCPU. Interrupts on. */
void softirq_process_some(void);
static inline bool softirq_is_pending(void) { return cpu_info()->softirq_pending != 0; }
/* RCU: fn(arg) after every CPU has passed a quiescent point (exit path, idle). */
struct rcu_head { struct rcu_head *next; void (*fn)(struct rcu_head *); };
void call_rcu(struct rcu_head *h, void (*fn)(struct rcu_head *));
void rcu_quiescent(void);				/* called by the exit path and idle loop */
/* Tasklets: fn(arg) once, soon, on a CPU in softirq context; scheduling a scheduled one does nothing */
struct tasklet { struct tasklet *next; void (*fn)(void *); void *arg; volatile bool queued; };
void tasklet_schedule(struct tasklet *t);	/* this CPU; any context */
void rcu_init(void);
void tasklet_init(void);
#endif
