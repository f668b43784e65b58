/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sched/softirq.h"
#include "lib/spinlock.h"

/* Of this CPU, in order of scheduling; interrupts off. */
struct tasklet_queue { struct tasklet *first, **last; };
static DEFINE_PER_CPU(struct tasklet_queue, tasklets);

void tasklet_schedule(struct tasklet *t)
{
	struct tasklet_queue *q;
	unsigned long flags;

	if (xchg(&t->queued, true))
		return;
	flags = irq_save();
	q = &this_cpu(tasklets);
	t->next = NULL;
	if (q->first)
		*q->last = t;
	else
		q->first = t;
	q->last = &t->next;
	softirq_raise(SOFTIRQ_TASKLET);
	irq_restore(flags);
}

static void tasklet_softirq(void)
{
	unsigned long flags = irq_save();
	struct tasklet_queue *q = &this_cpu(tasklets);
	struct tasklet *t = q->first;

	if (t) {
		q->first = t->next;
		if (q->first)
			softirq_raise(SOFTIRQ_TASKLET);
	}
	irq_restore(flags);
	if (!t)
		return;
	/* May be scheduled again from here on, by its own function too. */
	__atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST);
	t->fn(t->arg);
}

void tasklet_init(void)
{
	softirq_open(SOFTIRQ_TASKLET, tasklet_softirq);
}
