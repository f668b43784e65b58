/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sched/runqueue.h"

#define VTIME_START (1ull << 40)	/* so that no sum goes below zero */
#define SLEEP_COUNTED 1000000000ll	/* ns: no longer sleep is counted, so that no product overflows */

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

/* By what the waiting are ordered. */
static uint64_t key_of(const struct sched_entity *e)
{
	return e->vtime - (e->brief ? BRIEF_EDGE : 0);
}

/* The queue's virtual time is the least of those in it, or BRIEF_EDGE less. */
static void advance(struct runqueue_core *q)
{
	struct sched_entity *first = rq_first(q);
	uint64_t least = q->vtime;

	if (first && q->running)
		least = MIN(first->node.key, q->running->vtime);
	else if (first)
		least = first->node.key;
	else if (q->running)
		least = q->running->vtime;
	if (least > q->vtime)
		q->vtime = least;
}

static void queue(struct runqueue_core *q, struct sched_entity *e)
{
	tree_insert(&q->waiting, &e->node, key_of(e));
	q->nr_waiting++;
	e->place = PLACE_QUEUED;
}

static void unqueue(struct runqueue_core *q, struct sched_entity *e)
{
	tree_remove(&q->waiting, &e->node);
	q->nr_waiting--;
}

/* How much virtual time passes in the queue within the time that e slept, if e waits in it too. */
static int64_t fallen_behind(const struct runqueue_core *q, const struct sched_entity *e, s_time_t t)
{
	int64_t slept = e->off_since && t > e->off_since ? t - e->off_since : 0;

	return MIN(slept, SLEEP_COUNTED) * SCHED_WEIGHT_DEFAULT / (int64_t)(q->load + e->weight + !e->weight);
}

void rq_enter(struct runqueue_core *q, struct sched_entity *e, s_time_t t)
{
	int64_t lag = MIN(e->lag, MAX_LAG) - fallen_behind(q, e, t);

	if (lag < -WAKE_BONUS)
		lag = -WAKE_BONUS;
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
	e->off_since = 0;
}

void rq_run(struct runqueue_core *q, struct sched_entity *e, s_time_t t)
{
	unqueue(q, e);
	e->place = PLACE_RUNNING;
	if (e->charged_to != t)	/* else it goes on */
		e->turn_from = t;
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
	bool soon = e->charged_to - e->turn_from < BRIEF_TURN;

	q->running = NULL;
	e->brief = soon && (!stays || e->brief);
	if (stays) {
		queue(q, e);
	} else {
		forget(q, e);
		e->off_since = e->charged_to;
	}
}

void rq_yield(struct runqueue_core *q)
{
	struct sched_entity *first = rq_first(q);

	q->running->brief = false;
	if (first && q->running->vtime <= first->node.key)
		q->running->vtime = first->node.key;	/* equal keys: the later insertion comes later */
}

bool rq_preempts(const struct runqueue_core *q, const struct sched_entity *e, s_time_t t)
{
	const struct sched_entity *r = q->running;
	uint64_t ran;

	if (!r)
		return true;
	ran = t > r->charged_to ? (uint64_t)(t - r->charged_to) : 0;
	return key_of(e) < r->vtime + to_virtual(r, ran);
}

int64_t rq_turn(const struct runqueue_core *q)
{
	const struct sched_entity *r = q->running, *e = rq_first(q);
	uint64_t ahead;

	for (unsigned n = 0; e && !e->brief; e = rq_after(e))
		if (++n == MOST_LOOKED_AT)
			return SCHED_SLICE;
	if (!e || !r)
		return SCHED_SLICE;
	ahead = e->node.key > r->vtime ? e->node.key - r->vtime : 0;
	ahead = MIN(ahead, to_virtual(r, SCHED_SLICE));
	return (int64_t)(ahead * r->weight / SCHED_WEIGHT_DEFAULT);
}
