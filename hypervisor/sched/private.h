/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of sched/ only.
 *
 * Locks, in this order: pools_lock (cpupool.c) -> the lock of a CPU's run queue -> cap_lock of a domain -> a timer base's.
 * A second run queue's lock is only tried for while one is held. A vCPU's sched fields are under the lock of the run queue of
 * v->processor, which changes only while that is held and the vCPU is off every queue and not running.
 * All but pools_lock are taken with interrupts off: wake-ups come from interrupt handlers.
 */
#ifndef SCHED_PRIVATE_H
#define SCHED_PRIVATE_H
#include "sched/sched.h"
#include "sched/runqueue.h"
#include "sched/softirq.h"
#include "sched/timer.h"

struct cpupool {
	struct list_head list;		/* by id; pools_lock */
	unsigned id;
	unsigned n_dom;			/* pools_lock */
	cpumask_t cpus;			/* changed under pools_lock, read anywhere */
	struct rcu_head rcu;
};

struct sched_domain {
	struct domain *domain;
	struct cpupool *volatile pool;
	volatile uint32_t weight;	/* 1..65535 */
	/* cap_lock */
	spinlock_t cap_lock;
	uint32_t cap;			/* percent of one CPU; 0: none */
	int64_t budget;			/* ns left of this period */
	s_time_t period_end;
	struct list_head parked;	/* vCPUs that wait for budget */
	struct timer refill;
	struct rcu_head rcu;
	void (*deferred)(struct domain *d);
};

struct sched_vcpu {
	struct sched_entity e;
	struct vcpu *v;
	struct list_head parked;	/* cap_lock */
	cpumask_t hard, soft, allowed;	/* allowed: hard and the pool's, never empty */
	int temporary_cpu;		/* -1: none; else the only one allowed */
	unsigned last_moved;		/* CPU that timers were last moved to */
	unsigned pirqs_at;		/* and that interrupts were */
	s_time_t pirqs_moved;
	bool yielded;
	s_time_t picked_at;
	/* SCHEDOP_poll: written by the vCPU itself before VPF_POLL is set */
	uint32_t poll_port;		/* 0: any of several */
};

struct runqueue {
	spinlock_t lock;
	struct runqueue_core core;
	s_time_t next_balance, next_rotation;
	bool online;
} __cacheline;
DECLARE_PER_CPU(struct runqueue, runqueue);
extern cpumask_t idle_cpus;		/* hints, atomic: run the idle vCPU and nobody has been queued there */
extern cpumask_t waiting_cpus;		/* hints, atomic: somebody waits there */
extern volatile uint32_t sched_ratelimit_ns;

static inline struct sched_vcpu *sched_of(struct sched_entity *e)
{
	return e ? container_of(e, struct sched_vcpu, e) : NULL;
}

/* schedule.c */
void sched_rq_init(unsigned cpu);
struct runqueue *vcpu_rq_lock(struct vcpu *v, unsigned long *flags);
void vcpu_rq_unlock(struct runqueue *rq, unsigned long flags);
void runstate_change(struct vcpu *v, int state, s_time_t t);	/* rq lock */
int runstate_when_off(const struct vcpu *v);
void vcpu_replace(struct vcpu *v);	/* allowed has changed: takes it off a CPU that it may not run on */
/* wake.c */
unsigned choose_cpu(struct vcpu *v);	/* rq lock of v */
enum pull { PULL_NONE, PULL_DONE, PULL_BUSY };	/* BUSY: a queue that has some was locked */
enum pull pull_for_idle(struct runqueue *rq, unsigned cpu);	/* rq lock */
void balance(struct runqueue *rq, unsigned cpu, s_time_t t);	/* rq lock; cpu is busy */
/* cap.c: lock of the vCPU's run queue held in the first three */
int64_t cap_left(struct sched_vcpu *s, s_time_t t);	/* ns it may run now, INT64_MAX without cap */
void cap_charge(struct sched_vcpu *s, int64_t ns, s_time_t t);
void cap_park(struct sched_vcpu *s, s_time_t t);
void cap_unpark(struct sched_vcpu *s);		/* takes it off the list only */
void cap_init(struct sched_domain *sd);
void cap_set(struct sched_domain *sd, uint32_t cap);
void cap_destroy(struct sched_domain *sd);
/* context_switch.c */
DECLARE_PER_CPU(struct vcpu *, loaded_vcpu);	/* whose state and page tables this CPU holds; NULL: none but the host's */
void context_switch(struct vcpu *prev, struct vcpu *next) __noreturn;	/* interrupts off */
void context_saved(struct vcpu *prev);		/* schedule.c */
void vcpu_pirqs_follow(struct vcpu *v, unsigned cpu, s_time_t t);	/* v runs on cpu: so do its pirqs */
void unload_lazy(void);				/* this CPU, idle, goes back to the host's own tables */
void sched_rq_init(unsigned cpu);
/* cpupool.c */
extern struct cpupool pool0;
void cpupool_init(void);
void cpupool_cpu_online(unsigned cpu);		/* at boot */
void cpupool_cpu_join(unsigned cpu);		/* later: into the first pool */
long cpupool_cpu_leave(unsigned cpu);		/* out of it, or of none; -EBUSY, -ENODEV */
void cpupool_domain_init(struct sched_domain *sd);
void cpupool_domain_exit(struct sched_domain *sd);
void vcpu_update_allowed(struct sched_vcpu *s, const cpumask_t *pool_cpus);	/* rq lock of the vCPU, or it is being made */
/* idle.c */
void idle_init(void);
/* dump.c */
void sched_dump_init(void);
/* guest_timer.c */
int guest_timers_create(struct vcpu *v);
void guest_timers_destroy(struct vcpu *v);
void guest_timers_migrate(struct vcpu *v, unsigned cpu);
void vcpu_poll_end(struct vcpu *v);	/* lets v go on if it polls; any context */
void guest_poll_timer_set(struct vcpu *v, s_time_t deadline);
void guest_poll_timer_stop(struct vcpu *v);
#endif
