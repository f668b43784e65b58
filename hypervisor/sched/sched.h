/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler: which vCPU runs where. A run queue per CPU ordered by virtual time; wake-up and choice are O(log n).
 * Weights, caps, hard and soft affinity; shown to the tools as credit2 (XEN_SCHEDULER_CREDIT2).
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H
#include "domain/domain.h"
#include <xen/domctl.h>
#include <xen/sysctl.h>
void sched_init(void);			/* boot CPU; before domains */
int sched_domain_create(struct domain *d);
void sched_domain_destroy(struct domain *d);
int sched_vcpu_create(struct vcpu *v, unsigned cpu_hint);
void sched_vcpu_destroy(struct vcpu *v);
bool vcpu_runnable(const struct vcpu *v);
void vcpu_wake(struct vcpu *v);		/* after a pause reason went; any context */
void vcpu_sleep_sync(struct vcpu *v);	/* after a pause reason came: waits until it is off its CPU and its state is saved */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_block(void);			/* SCHEDOP_block of current: enables upcalls, blocks unless an event is pending */
long vcpu_poll(const evtchn_port_t *ports, unsigned nr, s_time_t deadline);	/* SCHEDOP_poll of current; deadline 0: none */
void vcpu_poll_wake(struct vcpu *v, uint32_t port);	/* an event came for a poller (evtchn calls it) */
void vcpu_yield(void);
/* Switches if there is another to run; called from the exit path with softirq pending. */
void schedule(void);
void idle_loop(void) __noreturn;
void context_switch_first(struct vcpu *v) __noreturn;	/* boot: from init's stack to the idle vCPU */
/* Lazy state: makes sure that v's registers and state are in memory (v paused). */
void vcpu_sync_state(struct vcpu *v);
/* Loads idle page tables where d's are still loaded lazily (before its roots are freed); any CPU, waits. */
void domain_flush_lazy(struct domain *d);
int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *m);	/* -EINVAL: no online CPU of its pool left */
int vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *m);
const cpumask_t *vcpu_hard_affinity(const struct vcpu *v);
const cpumask_t *vcpu_soft_affinity(const struct vcpu *v);
int vcpu_temporary_affinity(struct vcpu *v, unsigned cpu, bool set);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);	/* brought up to now */
uint64_t cpu_idle_time(unsigned cpu);	/* ns */
long sched_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op);
long sched_adjust_global(struct xen_sysctl_scheduler_op *op);
struct xen_sysctl_cpupool_op;
long cpupool_op(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap);	/* cpumap: in/out where the operation has one */
int cpupool_move_domain(struct domain *d, unsigned pool);
unsigned domain_cpupool(const struct domain *d);
/* Guest timers (sched/guest_timer.c) */
int vcpu_set_singleshot(struct vcpu *v, s_time_t timeout, uint32_t flags);	/* in the past: fires at once */
void vcpu_stop_singleshot(struct vcpu *v);
int vcpu_set_periodic(struct vcpu *v, s_time_t period);
void vcpu_stop_periodic(struct vcpu *v);
/* Guest time (sched/guest_time.c) */
void guest_time_update(struct vcpu *v);	/* vcpu_time_info of v, on its CPU */
void guest_wallclock_update(struct domain *d);
/* v, current, is in kernel mode now: writes the areas that were not mapped in user mode. Cheap if none is stale. */
void guest_areas_write(struct vcpu *v);
static inline void guest_areas_retry(struct vcpu *v)
{
	if (unlikely(v->runstate_stale | v->time_stale))
		guest_areas_write(v);
}
void guest_runstate_update(struct vcpu *v);	/* writes the registered area, v is current */
int guest_time_create(struct domain *d); void guest_time_destroy(struct domain *d);
int guest_tsc_get(struct domain *d, uint32_t *mode, uint64_t *elapsed_ns, uint32_t *gtsc_khz, uint32_t *incarnation);
uint64_t guest_tsc_read(const struct domain *d);	/* of a domain whose TSC is emulated */
int guest_tsc_set(struct domain *d, uint32_t mode, uint64_t elapsed_ns, uint32_t gtsc_khz, uint32_t incarnation);
void guest_set_time_offset(struct domain *d, int64_t seconds);
#endif
