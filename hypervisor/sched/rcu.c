/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deferred frees. Objects are freed seldom (a domain's end), so there is one queue for the machine: at the start of a grace
 * period each online CPU owes one pass of its exit path or idle loop; the CPU that pays last queues the callbacks for itself.
 * Lock: rcu.lock, innermost, interrupts off.
 */
#include "sched/softirq.h"
#include "lib/spinlock.h"

static struct {
	spinlock_t lock;
	struct rcu_head *next;		/* came during the grace period under way */
	struct rcu_head *waiting;	/* wait for the CPUs in 'owing' */
	struct rcu_head *done;		/* may be called */
	cpumask_t owing;
} rcu;

/* Under rcu.lock. The CPUs to be made to pass a quiescent point are added to *kick. */
static void start_period(cpumask_t *kick)
{
	rcu.waiting = rcu.next;
	rcu.next = NULL;
	for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)
		WRITE_ONCE(rcu.owing.bits[i], cpu_online_map.bits[i]);
	cpumask_or(kick, kick, &rcu.owing);
}

static void kick_cpus(const cpumask_t *kick)
{
	unsigned cpu;

	for_each_cpu(cpu, kick)
		softirq_raise_cpu(cpu, SOFTIRQ_RCU);
}

void call_rcu(struct rcu_head *h, void (*fn)(struct rcu_head *))
{
	cpumask_t kick = { { 0 } };
	unsigned long flags = spin_lock_irqsave(&rcu.lock);

	h->fn = fn;
	h->next = rcu.next;
	rcu.next = h;
	if (!rcu.waiting)
		start_period(&kick);
	spin_unlock_irqrestore(&rcu.lock, flags);
	kick_cpus(&kick);
}

static __attribute__((noinline)) void pay(unsigned cpu)
{
	cpumask_t kick = { { 0 } };
	unsigned long flags;

	flags = spin_lock_irqsave(&rcu.lock);
	cpumask_clear_cpu(cpu, &rcu.owing);
	if (rcu.waiting && cpumask_empty(&rcu.owing)) {
		struct rcu_head **end = &rcu.waiting;

		while (*end)
			end = &(*end)->next;
		*end = rcu.done;
		rcu.done = rcu.waiting;
		rcu.waiting = NULL;
		softirq_raise(SOFTIRQ_RCU);
		if (rcu.next)
			start_period(&kick);
	}
	spin_unlock_irqrestore(&rcu.lock, flags);
	kick_cpus(&kick);
}

void rcu_quiescent(void)
{
	unsigned cpu = smp_processor_id();

	lock_check_none_held();
	if (unlikely(cpumask_test_cpu(cpu, &rcu.owing)))
		pay(cpu);
}

/*
 * One callback a round: each may free a whole domain. Only the exit path and the idle loop run this softirq, and the round may end
 * in a switch of vCPU that never comes back to them: so the point is passed here.
 */
static void rcu_softirq(void)
{
	unsigned long flags;
	struct rcu_head *h;

	rcu_quiescent();
	flags = spin_lock_irqsave(&rcu.lock);
	h = rcu.done;
	if (h)
		rcu.done = h->next;
	if (rcu.done)
		softirq_raise(SOFTIRQ_RCU);
	spin_unlock_irqrestore(&rcu.lock, flags);
	if (h)
		h->fn(h);
}

void rcu_init(void)
{
	softirq_open(SOFTIRQ_RCU, rcu_softirq);
}
