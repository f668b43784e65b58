/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy of one run queue: pure data, no hardware, no locks (the owner's lock protects all of it).
 *
 * Each vCPU has a virtual time, which grows while it runs at 256/weight of real time; the queue runs the one that is furthest
 * behind. To sleep is to wait: meanwhile a vCPU falls behind as if it stood in the queue that it comes to, so that one that runs
 * less than its share is next whenever it wakes. But at most WAKE_BONUS behind the queue's own virtual time (the least in it):
 * enough to be next, not enough to make up for having slept long.
 *
 * Who is brief, asleep soon in its last turn, goes before those that are up to BRIEF_EDGE further behind; and where it
 * has used its share and must wait, it waits until they have caught up, not until their turns are over.
 */
#ifndef SCHED_RUNQUEUE_H
#define SCHED_RUNQUEUE_H
#include "sched/tree.h"

#define SCHED_WEIGHT_DEFAULT	256u
#define SCHED_SLICE		6000000ll	/* ns: longest turn while others wait */
#define SCHED_TICK		20000000ll	/* ns: a look around while nobody waits */
#define WAKE_BONUS		4000000ll	/* ns of virtual time */
#define MAX_LAG			20000000ll	/* ns of virtual time that one may be ahead when it comes to a queue */
/* Of virtual time: the first turn of a new one comes after one of each that waits. It may not live to repay what it is given. */
#define NEWCOMER_LAG		SCHED_SLICE
#define MOST_LOOKED_AT		16	/* vCPUs of one queue, with interrupts off */
#define BRIEF_TURN		2000000ll	/* ns */
#define BRIEF_EDGE		2000000ll	/* ns of virtual time */

enum sched_place { PLACE_OFF, PLACE_QUEUED, PLACE_RUNNING, PLACE_PARKED };
struct sched_entity {
	struct tree_node node;
	uint64_t vtime;
	int64_t lag;			/* while off: vtime against that of the queue it left */
	s_time_t charged_to;		/* running: up to when it has been charged */
	s_time_t turn_from;		/* when its last turn began */
	s_time_t off_since;		/* off: when it stopped running; 0: it waited when it left */
	uint32_t weight;		/* its share */
	uint32_t counted;		/* what of it the queue's load has */
	enum sched_place place;
	bool brief;			/* it used to sleep before BRIEF_TURN was over */
};
struct runqueue_core {
	struct tree waiting;
	struct sched_entity *running;	/* NULL: idle */
	unsigned nr_waiting;
	uint64_t load;			/* weights of all in it, the running one too */
	uint64_t vtime;			/* never decreases */
};

void rq_init(struct runqueue_core *q);
void rq_enter(struct runqueue_core *q, struct sched_entity *e, s_time_t t);	/* off -> queued, by its lag and its sleep */
void rq_leave(struct runqueue_core *q, struct sched_entity *e);	/* queued -> off */
void rq_run(struct runqueue_core *q, struct sched_entity *e, s_time_t t);	/* queued -> running */
int64_t rq_charge(struct runqueue_core *q, s_time_t t);		/* the running one up to t; returns ns */
void rq_stop(struct runqueue_core *q, bool stays);		/* running -> queued or off */
void rq_yield(struct runqueue_core *q);				/* the running one goes behind the first that waits */
struct sched_entity *rq_first(const struct runqueue_core *q);	/* of those that wait; NULL: none */
struct sched_entity *rq_after(const struct sched_entity *e);
/* Ought e, just entered, to run in place of the running one? */
bool rq_preempts(const struct runqueue_core *q, const struct sched_entity *e, s_time_t t);
/* How long the running one, charged just now, may go on before a brief one ought to run in its place: ns, at most a slice. */
int64_t rq_turn(const struct runqueue_core *q);
#endif
