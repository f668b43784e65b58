/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU goes by steps, of which the caller's hypercall sees to one at a time and is then issued again:
 *
 * PLACING   it is in no pool any more, so nobody is placed there; a grace period later no choice of before is under way, and its
 *           queue empties by itself.
 * LEAVING   its interrupt lines have been aimed at others; it is asked to go, and from its idle loop leaves the mask of CPUs.
 * QUIET     it still answers, until a grace period says that no other CPU means it by a mask read before, and interrupts that
 *           were on their way have come. Then its timers go to another CPU, and it stops.
 * GONE      what was kept for interrupts on their way is given back.
 */
#include "sched/hotplug.h"
#include "sched/private.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "x86/cpu.h"
#include "x86/irq.h"
#include "x86/smp.h"
#include "x86/time.h"

#define QUIET_NS 20000000ll	/* longer than an interrupt is on its way */

enum step { STEP_NONE, STEP_PLACING, STEP_LEAVING, STEP_QUIET };
static struct {
	unsigned cpu;
	volatile enum step step;
	volatile bool grace, gone;
	s_time_t since;
	struct rcu_head rcu;
} leave = { .cpu = NR_CPUS };

volatile unsigned cpu_to_stop = NR_CPUS;
bool cpus_booted;
static DEFINE_SPINLOCK(hotplug_lock);	/* one step at a time; only tried for */

static void grace_over(struct rcu_head *h) { leave.grace = true; }

static void wait_for_grace(void)
{
	leave.grace = false;
	call_rcu(&leave.rcu, grace_over);
}

static bool queue_empty(unsigned cpu)
{
	const struct runqueue *rq = &per_cpu(runqueue, cpu);

	return !READ_ONCE(rq->core.load) && !READ_ONCE(rq->core.running);
}

/* On the CPU that goes, in its idle loop, interrupts on. */
void cpu_stop_work(void)
{
	unsigned cpu = smp_processor_id();
	struct runqueue *rq = &this_cpu(runqueue);

	switch (leave.step) {
	case STEP_LEAVING:
		if (!queue_empty(cpu))
			return;
		rq->online = false;
		cpumask_clear_cpu(cpu, &idle_cpus);
		unload_lazy();
		cpumask_clear_cpu(cpu, &cpu_online_map);
		leave.since = now();
		wait_for_grace();
		leave.step = STEP_QUIET;
		return;
	case STEP_QUIET:
		if (!leave.grace || now() - leave.since < QUIET_NS)
			return;
		irq_save();
		timers_leave_cpu(cpumask_first(&cpu_online_map));
		__atomic_fetch_sub(&nr_cpus_online, 1, __ATOMIC_RELAXED);
		smp_stop_cpu(&leave.gone);
	default:
		return;
	}
}

static long leave_begin(unsigned cpu)
{
	long rc;

	if (!cpu || cpu >= nr_cpus_possible)
		return -EINVAL;
	if (!cpu_online(cpu))
		return -EEXIST;
	rc = cpupool_cpu_leave(cpu);
	if (rc)
		return rc;
	leave.cpu = cpu;
	leave.gone = false;
	wait_for_grace();
	leave.step = STEP_PLACING;
	return -EAGAIN_HYPERCALL;
}

static void leave_end(void)
{
	cpu_to_stop = NR_CPUS;
	leave.step = STEP_NONE;
	leave.cpu = NR_CPUS;
}

/* Nobody is placed there any more. */
static long leave_lines(unsigned cpu)
{
	long rc = irq_leave_cpu(cpu);

	if (rc == -EBUSY)	/* lines that moved just now */
		return -EAGAIN_HYPERCALL;
	if (rc) {
		irq_left_cpu(NR_CPUS);
		leave_end();
		cpupool_cpu_join(cpu);
		return rc;
	}
	leave.step = STEP_LEAVING;
	cpu_to_stop = cpu;
	return -EAGAIN_HYPERCALL;
}

static long take_offline(unsigned cpu)
{
	if (leave.step == STEP_NONE)
		return leave_begin(cpu);
	if (leave.cpu != cpu)
		return cpu < nr_cpus_possible && !cpu_online(cpu) ? -EEXIST : -EBUSY;
	if (leave.step == STEP_PLACING && leave.grace && cpu != smp_processor_id() && queue_empty(cpu))
		return leave_lines(cpu);
	if (leave.step == STEP_QUIET && leave.gone) {
		irq_left_cpu(cpu);
		leave_end();
		printk(LOG_INFO "CPU%u is offline\n", cpu);
		return 0;
	}
	if (leave.step != STEP_QUIET)
		softirq_raise_cpu(cpu, SOFTIRQ_SCHEDULE);
	return -EAGAIN_HYPERCALL;
}

static long bring_online(unsigned cpu)
{
	long rc;

	if (cpu >= nr_cpus_possible)
		return -EINVAL;
	if (leave.step != STEP_NONE)
		return -EBUSY;
	if (cpu_online(cpu))
		return -EEXIST;
	cpus_booted = true;
	rc = smp_start_cpu(cpu);
	if (rc)
		return rc;
	cpupool_cpu_join(cpu);
	printk(LOG_INFO "CPU%u is online\n", cpu);
	return 0;
}

static long locked(long (*fn)(unsigned cpu), unsigned cpu)
{
	long rc;

	if (!spin_trylock(&hotplug_lock))
		return -EAGAIN_HYPERCALL;
	rc = fn(cpu);
	spin_unlock(&hotplug_lock);
	return rc;
}

long cpu_take_offline(unsigned cpu) { return locked(take_offline, cpu); }
long cpu_bring_online(unsigned cpu) { return locked(bring_online, cpu); }
