/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up, the idle loop, and the scheduler's part in the lives of domains and vCPUs. */
#include "sched/private.h"
#include "sched/hotplug.h"
#include "sched/preempt.h"
#include "domain/hooks.h"
#include "domain/notify.h"
#include "lib/panic.h"
#include "mem/alloc.h"
#include "mem/heap.h"
#include "x86/cpu.h"
#include "x86/hooks.h"
#include "x86/time.h"

static struct vcpu_info idle_vcpu_info = { .evtchn_upcall_mask = 1 };	/* idle vCPUs get no events */

int sched_domain_create(struct domain *d)
{
	struct sched_domain *sd = new_object(struct sched_domain);
	int err;

	if (!sd)
		return -ENOMEM;
	sd->domain = d;
	sd->weight = SCHED_WEIGHT_DEFAULT;
	cap_init(sd);
	err = guest_time_create(d);
	if (err) {
		cap_destroy(sd);
		heap_free(sd);
		return err;
	}
	cpupool_domain_init(sd);
	d->sched = sd;
	return 0;
}

void sched_domain_destroy(struct domain *d)
{
	struct sched_domain *sd = d->sched;

	cpupool_domain_exit(sd);
	cap_destroy(sd);
	guest_time_destroy(d);
	d->sched = NULL;
	heap_free(sd);
}

int sched_vcpu_create(struct vcpu *v, unsigned cpu_hint)
{
	struct sched_vcpu *s = new_object(struct sched_vcpu);

	if (!s)
		return -ENOMEM;
	s->v = v;
	s->e.weight = v->domain->sched->weight;
	s->e.lag = NEWCOMER_LAG;
	s->temporary_cpu = -1;
	s->last_moved = s->pirqs_at = ~0u;
	list_init(&s->parked);
	cpumask_setall(&s->hard);
	cpumask_setall(&s->soft);
	vcpu_update_allowed(s, &v->domain->sched->pool->cpus);
	v->processor = cpumask_test_cpu(cpu_hint, &s->allowed) ? cpu_hint : cpumask_first(&s->allowed);
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = (uint64_t)now();
	v->sched = s;
	if (guest_timers_create(v)) {
		v->sched = NULL;
		heap_free(s);
		return -ENOMEM;
	}
	return 0;
}

void sched_vcpu_destroy(struct vcpu *v)
{
	unsigned long flags;
	struct runqueue *rq;

	guest_timers_destroy(v);
	rq = vcpu_rq_lock(v, &flags);
	BUG_ON(v->sched->e.place == PLACE_QUEUED || v->sched->e.place == PLACE_RUNNING || v->is_running);
	if (v->sched->e.place == PLACE_PARKED)
		cap_unpark(v->sched);
	vcpu_rq_unlock(rq, flags);
	vcpu_sync_state(v);
	heap_free(v->sched);
	v->sched = NULL;
}

static int create_vcpu(struct vcpu *v)
{
	const cpumask_t *cpus = &v->domain->sched->pool->cpus;
	unsigned cpu = cpumask_first(cpus);

	/* Spread: the vCPUs of a domain start round the pool, domains at different places. */
	for (unsigned n = (v->id + v->domain->id) % (cpumask_weight(cpus) ?: 1); n; n--)
		cpu = cpumask_next(cpu, cpus);
	return sched_vcpu_create(v, cpu);
}

static void run_deferred(struct rcu_head *h)
{
	struct sched_domain *sd = container_of(h, struct sched_domain, rcu);

	sd->deferred(sd->domain);
}

static void defer(struct domain *d, void (*fn)(struct domain *d))
{
	d->sched->deferred = fn;
	call_rcu(&d->sched->rcu, run_deferred);
}

static bool preempt(void)
{
	return hypercall_preempt_check();
}

static const struct domain_hooks hooks = {
	.domain_create = sched_domain_create,
	.domain_destroy = sched_domain_destroy,
	.vcpu_create = create_vcpu,
	.vcpu_destroy = sched_vcpu_destroy,
	.vcpu_sleep_sync = vcpu_sleep_sync,
	.vcpu_sleep_nosync = vcpu_sleep_nosync,
	.vcpu_wake = vcpu_wake,
	.flush_lazy = domain_flush_lazy,
	.preempt = preempt,
	.defer = defer,
};

static struct vcpu *make_idle_vcpu(unsigned cpu)
{
	struct vcpu *v = new_object(struct vcpu);

	if (!v)
		panic("no memory for the idle vCPU of CPU %u", cpu);
	v->id = cpu;
	v->domain = idle_domain;
	v->processor = cpu;
	v->is_initialised = v->is_running = true;
	v->info = &idle_vcpu_info;
	v->info_mfn = INVALID_MFN;
	v->dirty_cpu = ~0u;
	v->runstate.state = RUNSTATE_running;
	v->runstate.state_entry_time = (uint64_t)now();
	return v;
}

/* This CPU begins to take part. */
static void cpu_start(unsigned cpu)
{
	sched_rq_init(cpu);
	timers_cpu_online(cpu);
	if (!idle_vcpu[cpu])
		idle_vcpu[cpu] = make_idle_vcpu(cpu);
	current = idle_vcpu[cpu];
	tlb_leave_guests(host_root_mfn().n << PAGE_SHIFT);
	per_cpu(runqueue, cpu).online = true;
	cpumask_set_cpu(cpu, &idle_cpus);
}

static void ap_entry(void)
{
	unsigned cpu = smp_processor_id();

	cpu_start(cpu);
	if (!cpus_booted)	/* later the pools' lock is not for a CPU with interrupts off: who started it does this */
		cpupool_cpu_online(cpu);
	context_switch_first(idle_vcpu[cpu]);
}

static void turn_over(void)
{
	softirq_raise(SOFTIRQ_SCHEDULE);
}

void sched_init(void)
{
	BUG_ON(!idle_domain);
	domain_hooks = &hooks;
	tlb_flushed_hook = unload_lazy;
	apic_turn_hook = turn_over;
	softirq_open(SOFTIRQ_SCHEDULE, schedule);
	idle_init();
	cpupool_init();
	sched_dump_init();
	cpu_idle_entry = ap_entry;
	cpu_start(smp_processor_id());
	cpupool_cpu_online(smp_processor_id());
}
