/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sched/timer.h"
#include "sched/softirq.h"
#include "lib/spinlock.h"
#include "x86/hooks.h"
#include "x86/time.h"

struct timer_base {
	spinlock_t lock;
	struct tree set;
	struct timer *running;		/* its function is being run; the object may be gone */
	bool offline;			/* its CPU is gone: timers are set elsewhere */
};
static DEFINE_PER_CPU(struct timer_base, timer_base);

/* Locks the base of t's CPU, which may change until then. */
static struct timer_base *lock_base(struct timer *t, unsigned long *flags)
{
	for (;;) {
		unsigned cpu = t->cpu;
		struct timer_base *b = &per_cpu(timer_base, cpu);

		*flags = spin_lock_irqsave(&b->lock);
		if (likely(t->cpu == cpu))
			return b;
		spin_unlock_irqrestore(&b->lock, *flags);
	}
}

static struct timer *first_timer(const struct timer_base *b)
{
	struct tree_node *n = tree_first(&b->set);

	return n ? container_of(n, struct timer, node) : NULL;
}

/*
 * The hardware is told after the base's lock is released, for its registers are slow, but before interrupts are on again: whoever
 * sets an earlier timer of this CPU meanwhile raises the softirq, which programs it anew.
 */
struct first { s_time_t expires; unsigned cpu; };	/* expires 0: no timer has become the first of a CPU */

static void unlock_base(struct timer_base *b, unsigned long flags, const struct first *f)
{
	spin_unlock(&b->lock);
	if (f->expires && f->cpu == smp_processor_id())
		apic_timer_program(f->expires);
	else if (f->expires)
		softirq_raise_cpu(f->cpu, SOFTIRQ_TIMER);
	irq_restore(flags);
}

static void remove_locked(struct timer_base *b, struct timer *t)
{
	if (t->state != TIMER_SET)
		return;
	tree_remove(&b->set, &t->node);
	t->state = TIMER_IDLE;
}

static void insert_locked(struct timer_base *b, struct timer *t, s_time_t expires, struct first *f)
{
	tree_insert(&b->set, &t->node, expires > 0 ? (uint64_t)expires : 1);
	t->state = TIMER_SET;
	if (first_timer(b) == t)
		*f = (struct first){ (s_time_t)t->node.key, t->cpu };
}

void timer_setup(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu, .state = TIMER_IDLE };
}

void timer_set(struct timer *t, s_time_t expires)
{
	unsigned long flags;
	struct timer_base *b = lock_base(t, &flags);
	struct first first = { 0 };

	while (unlikely(b->offline)) {
		t->cpu = cpumask_first(&cpu_online_map);
		spin_unlock_irqrestore(&b->lock, flags);
		b = lock_base(t, &flags);
	}
	if (t->state != TIMER_DEAD) {
		remove_locked(b, t);
		insert_locked(b, t, expires, &first);
	}
	unlock_base(b, flags, &first);
}

void timer_stop(struct timer *t)
{
	unsigned long flags;
	struct timer_base *b = lock_base(t, &flags);

	remove_locked(b, t);
	spin_unlock_irqrestore(&b->lock, flags);
}

void timer_kill(struct timer *t)
{
	unsigned long flags;
	struct timer_base *b = lock_base(t, &flags);
	bool here = t->cpu == smp_processor_id();

	remove_locked(b, t);
	t->state = TIMER_DEAD;
	spin_unlock_irqrestore(&b->lock, flags);
	/* On this CPU it can only be our caller that runs. */
	while (!here && READ_ONCE(b->running) == t)
		__builtin_ia32_pause();
}

void timer_migrate(struct timer *t, unsigned cpu)
{
	unsigned long flags;
	struct timer_base *b;
	struct first first = { 0 };
	bool was_set;

	if (t->cpu == cpu)
		return;
	b = lock_base(t, &flags);
	if (t->state == TIMER_DEAD || b->running == t) {	/* timer_kill waits on the base where it runs */
		spin_unlock_irqrestore(&b->lock, flags);
		return;
	}
	was_set = t->state == TIMER_SET;
	remove_locked(b, t);
	t->cpu = cpu;
	spin_unlock_irqrestore(&b->lock, flags);
	if (!was_set)
		return;
	/* Between the locks it may have been set anew or killed: then that stands. */
	b = lock_base(t, &flags);
	if (t->state == TIMER_IDLE)
		insert_locked(b, t, (s_time_t)t->node.key, &first);
	unlock_base(b, flags, &first);
}

/* Lock order between two bases: only a CPU that goes holds two, and it is one at a time. */
void timers_leave_cpu(unsigned to)
{
	struct timer_base *b = &this_cpu(timer_base), *other = &per_cpu(timer_base, to);
	struct first first = { 0 };
	struct timer *t;

	spin_lock(&b->lock);
	while ((t = first_timer(b))) {
		while (!spin_trylock(&other->lock))
			__builtin_ia32_pause();
		remove_locked(b, t);
		t->cpu = to;
		insert_locked(other, t, (s_time_t)t->node.key, &first);
		spin_unlock(&other->lock);
	}
	b->offline = true;
	spin_unlock(&b->lock);
	if (first.expires)
		softirq_raise_cpu(to, SOFTIRQ_TIMER);
}

void timers_cpu_online(unsigned cpu) { per_cpu(timer_base, cpu).offline = false; }

static void timer_softirq(void)
{
	struct timer_base *b = &this_cpu(timer_base);
	unsigned long flags = spin_lock_irqsave(&b->lock);
	s_time_t next;
	struct timer *t;

	while ((t = first_timer(b)) && (s_time_t)t->node.key <= now()) {
		void (*fn)(void *) = t->fn;
		void *arg = t->arg;

		remove_locked(b, t);
		WRITE_ONCE(b->running, t);
		spin_unlock_irqrestore(&b->lock, flags);
		fn(arg);
		flags = spin_lock_irqsave(&b->lock);
		WRITE_ONCE(b->running, NULL);
	}
	next = t ? (s_time_t)t->node.key : 0;
	spin_unlock(&b->lock);
	apic_timer_program(next);
	irq_restore(flags);
}

static void hardware_timer(void)
{
	softirq_raise(SOFTIRQ_TIMER);
}

void timer_subsystem_init(void)
{
	apic_timer_hook = hardware_timer;
	softirq_open(SOFTIRQ_TIMER, timer_softirq);
}
