/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sched/runqueue.h"

#define VTIME_START (1ull << 40)	/* so that no sum goes below zero */

static struct sched_entity *entity(struct tree_node *n)
{
	return n ? container_of(n, struct sched_entity, node) : NULL;
}

static uint64_t to_virtual(const struct sched_entity *e, uint64_t ns)
{
	return ns * SCHED_WEIGHT_DEFAULT / (e->weight ? e->weight : 1);
}

void rq_init(struct runqueue_core *q)
{
	*q = (struct runqueue_core){ .vtime = VTIME_START };
}

struct sched_entity *rq_first(const struct runqueue_core *q)
{
	return entity(tree_first(&q->waiting));
}

struct sched_entity *rq_after(const struct sched_entity *e)
{
	return entity(tree_next(&e->node));
}

/* The queue's virtual time is the least of those in it. */
static void advance(struct runqueue_core *q)
{
	struct sched_entity *first = rq_first(q);
	uint64_t least = q->vtime;

	if (first && q->running)
		least = MIN(first->vtime, q->running->vtime);
	else if (first)
		least = first->vtime;
	else if (q->running)
		least = q->running->vtime;
	if (least > q->vtime)
		q->vtime = least;
}

static void queue(struct runqueue_core *q, struct sched_entity *e)
{
	tree_insert(&q->waiting, &e->node, e->vtime);
	q->nr_waiting++;
	e->place = PLACE_QUEUED;
}

static void unqueue(struct runqueue_core *q, struct sched_entity *e)
{
	tree_remove(&q->waiting, &e->node);
	q->nr_waiting--;
}

void rq_enter(struct runqueue_core *q, struct sched_entity *e)
{
	int64_t lag = e->lag;

	if (lag < -WAKE_BONUS)
		lag = -WAKE_BONUS;
	if (lag > MAX_LAG)
		lag = MAX_LAG;
	e->vtime = q->vtime + (uint64_t)lag;
	e->counted = e->weight;
	q->load += e->counted;
	queue(q, e);
}

static void forget(struct runqueue_core *q, struct sched_entity *e)
{
	q->load -= e->counted;
	e->counted = 0;
	e->lag = (int64_t)(e->vtime - q->vtime);
	e->place = PLACE_OFF;
	advance(q);
}

void rq_leave(struct runqueue_core *q, struct sched_entity *e)
{
	unqueue(q, e);
	forget(q, e);
}

void rq_run(struct runqueue_core *q, struct sched_entity *e, s_time_t t)
{
	unqueue(q, e);
	e->place = PLACE_RUNNING;
	e->charged_to = t;
	q->running = e;
	advance(q);
}

int64_t rq_charge(struct runqueue_core *q, s_time_t t)
{
	struct sched_entity *e = q->running;
	int64_t ran = e ? t - e->charged_to : 0;

	if (ran <= 0)
		return 0;
	e->charged_to = t;
	e->vtime += to_virtual(e, (uint64_t)ran);
	advance(q);
	return ran;
}

void rq_stop(struct runqueue_core *q, bool stays)
{
	struct sched_entity *e = q->running;

	q->running = NULL;
	if (stays)
		queue(q, e);
	else
		forget(q, e);
}

void rq_yield(struct runqueue_core *q)
{
	struct sched_entity *first = rq_first(q);

	if (first && q->running->vtime <= first->vtime)
		q->running->vtime = first->vtime;	/* equal keys: the later insertion comes later */
}

bool rq_preempts(const struct runqueue_core *q, const struct sched_entity *e, s_time_t t)
{
	const struct sched_entity *r = q->running;
	uint64_t ran;

	if (!r)
		return true;
	ran = t > r->charged_to ? (uint64_t)(t - r->charged_to) : 0;
	return e->vtime < r->vtime + to_virtual(r, ran);
}
