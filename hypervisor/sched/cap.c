/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Caps: a domain with a cap of c percent may use c percent of one CPU, all its vCPUs together. It has a budget per period;
 * whoever runs is charged; with none left its vCPUs are parked until the period that makes it positive again. What several
 * vCPUs overdraw at once is carried over, so the long-term share holds.
 */
#include "sched/private.h"
#include "x86/time.h"

#define CAP_PERIOD 20000000ll		/* ns */
#define LATE_PERIODS 5
#define LEAST_TURN 200000ll		/* ns: not worth switching for less */

static struct sched_domain *domain_of(struct sched_vcpu *s)
{
	return s->v->domain->sched;
}

static int64_t quota(const struct sched_domain *sd)
{
	return CAP_PERIOD / 100 * sd->cap;
}

/*
 * Under cap_lock: gives what the periods that have passed are worth. Unused budget does not pile up; but where vCPUs wait for it,
 * a refill that comes late (the host itself was busy) gives for all the periods that they waited.
 */
static void refill(struct sched_domain *sd, s_time_t t)
{
	int64_t n, most = list_empty(&sd->parked) ? quota(sd) : LATE_PERIODS * quota(sd);

	if (t < sd->period_end)
		return;
	n = (t - sd->period_end) / CAP_PERIOD + 1;
	sd->period_end += n * CAP_PERIOD;
	n = MIN(n, 1000);
	sd->budget = MIN(sd->budget + n * quota(sd), most);
}

int64_t cap_left(struct sched_vcpu *s, s_time_t t)
{
	struct sched_domain *sd = domain_of(s);
	int64_t left;

	if (likely(!READ_ONCE(sd->cap)))
		return INT64_MAX;
	spin_lock(&sd->cap_lock);
	refill(sd, t);
	left = sd->cap ? sd->budget : INT64_MAX;
	spin_unlock(&sd->cap_lock);
	return left > 0 ? MAX(left, LEAST_TURN) : 0;
}

void cap_charge(struct sched_vcpu *s, int64_t ns, s_time_t t)
{
	struct sched_domain *sd = domain_of(s);

	if (likely(!READ_ONCE(sd->cap)))
		return;
	spin_lock(&sd->cap_lock);
	sd->budget -= ns;	/* first: what was used before the period's end is not unused budget */
	refill(sd, t);
	spin_unlock(&sd->cap_lock);
}

void cap_park(struct sched_vcpu *s, s_time_t t)
{
	struct sched_domain *sd = domain_of(s);
	int64_t periods;
	bool first;

	spin_lock(&sd->cap_lock);
	s->e.place = PLACE_PARKED;
	first = list_empty(&sd->parked);
	list_add_tail(&s->parked, &sd->parked);
	if (!first)	/* the timer is set: who was first there saw to it */
		goto out;
	periods = sd->cap && sd->budget < 0 ? -sd->budget / quota(sd) : 0;
	timer_set(&sd->refill, sd->cap ? sd->period_end + periods * CAP_PERIOD : t);
out:
	spin_unlock(&sd->cap_lock);
}

void cap_unpark(struct sched_vcpu *s)
{
	struct sched_domain *sd = domain_of(s);

	spin_lock(&sd->cap_lock);
	list_del(&s->parked);
	spin_unlock(&sd->cap_lock);
	s->e.place = PLACE_OFF;
}

/* The refill timer: whoever waits may try again. Each is taken from the list before its run queue is locked. */
static void wake_parked(void *arg)
{
	struct sched_domain *sd = arg;

	for (;;) {
		struct sched_vcpu *s = NULL;
		struct runqueue *rq;
		unsigned long flags = spin_lock_irqsave(&sd->cap_lock);

		refill(sd, now());
		if (!list_empty(&sd->parked) && sd->cap && sd->budget <= 0) {
			timer_set(&sd->refill, sd->period_end);
		} else if (!list_empty(&sd->parked)) {
			s = list_first(&sd->parked, struct sched_vcpu, parked);
			list_del(&s->parked);
		}
		spin_unlock_irqrestore(&sd->cap_lock, flags);
		if (!s)
			return;
		rq = vcpu_rq_lock(s->v, &flags);
		if (s->e.place == PLACE_PARKED)
			s->e.place = PLACE_OFF;
		vcpu_rq_unlock(rq, flags);
		vcpu_wake(s->v);
	}
}

void cap_init(struct sched_domain *sd)
{
	spin_lock_init(&sd->cap_lock);
	list_init(&sd->parked);
	timer_setup(&sd->refill, wake_parked, sd, smp_processor_id());
}

void cap_set(struct sched_domain *sd, uint32_t cap)
{
	unsigned long flags = spin_lock_irqsave(&sd->cap_lock);

	sd->cap = cap;
	sd->budget = quota(sd);
	timer_set(&sd->refill, 1);	/* at once, for those parked under the old one */
	spin_unlock_irqrestore(&sd->cap_lock, flags);
}

void cap_destroy(struct sched_domain *sd)
{
	timer_kill(&sd->refill);
}
