/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduler's mechanism: sleeping, waking, and the choice of what this CPU runs next. Locks: sched/private.h. */
#include "sched/private.h"
#include "domain/notify.h"
#include "lib/panic.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define SHORTEST_TURN 250000ll	/* ns, if the rate limit is less */
#define BALANCE_PERIOD 30000000ll	/* ns between two looks of a busy CPU at the others' queues */

DEFINE_PER_CPU(struct runqueue, runqueue);
cpumask_t idle_cpus, waiting_cpus;
volatile uint32_t sched_ratelimit_ns = 1000000;

struct runqueue *vcpu_rq_lock(struct vcpu *v, unsigned long *flags)
{
	for (;;) {
		unsigned cpu = v->processor;
		struct runqueue *rq = &per_cpu(runqueue, cpu);

		*flags = spin_lock_irqsave(&rq->lock);
		if (likely(v->processor == cpu))
			return rq;
		spin_unlock_irqrestore(&rq->lock, *flags);
	}
}

void vcpu_rq_unlock(struct runqueue *rq, unsigned long flags)
{
	spin_unlock_irqrestore(&rq->lock, flags);
}

bool vcpu_runnable(const struct vcpu *v)
{
	return !v->pause_flags && !atomic_read(&v->pause_count) && !atomic_read(&v->domain->pause_count);
}

void runstate_change(struct vcpu *v, int state, s_time_t t)
{
	int64_t spent = t - (int64_t)v->runstate.state_entry_time;

	if (spent > 0) {
		v->runstate.time[v->runstate.state] += (uint64_t)spent;
		v->runstate.state_entry_time = (uint64_t)t;
	}
	v->runstate.state = state;
}

int runstate_when_off(const struct vcpu *v)
{
	return v->pause_flags & (VPF_BLOCKED | VPF_POLL) ? RUNSTATE_blocked : RUNSTATE_offline;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(v, &flags);
	int64_t spent = now() - (int64_t)v->runstate.state_entry_time;

	*out = v->runstate;
	vcpu_rq_unlock(rq, flags);
	if (spent > 0)
		out->time[out->state] += (uint64_t)spent;
}

uint64_t cpu_idle_time(unsigned cpu)
{
	struct vcpu_runstate_info r;

	if (cpu >= NR_CPUS || !idle_vcpu[cpu])
		return 0;
	vcpu_runstate_get(idle_vcpu[cpu], &r);
	return r.time[RUNSTATE_running];
}

static void note_waiting(struct runqueue *rq, unsigned cpu)
{
	bool any = rq->core.nr_waiting != 0;

	if (any != cpumask_test_cpu(cpu, &waiting_cpus)) {
		if (any)
			cpumask_set_cpu(cpu, &waiting_cpus);
		else
			cpumask_clear_cpu(cpu, &waiting_cpus);
	}
}

void vcpu_sleep_nosync(struct vcpu *v)
{
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(v, &flags);
	struct sched_vcpu *s = v->sched;
	bool kick = false;

	if (!vcpu_runnable(v)) {
		switch (s->e.place) {
		case PLACE_QUEUED:
			rq_leave(&rq->core, &s->e);
			note_waiting(rq, v->processor);
			break;
		case PLACE_PARKED:
			cap_unpark(s);
			break;
		case PLACE_RUNNING:
			kick = true;
			break;
		case PLACE_OFF:
			break;
		}
		if (!kick)
			runstate_change(v, runstate_when_off(v), now());
	}
	vcpu_rq_unlock(rq, flags);
	if (kick)
		softirq_raise_cpu(v->processor, SOFTIRQ_SCHEDULE);
}

void vcpu_sleep_sync(struct vcpu *v)
{
	vcpu_sleep_nosync(v);
	if (v == current)
		return;
	while (v->is_running && !vcpu_runnable(v))
		__builtin_ia32_pause();
	vcpu_sync_state(v);
}

/* Under the lock: the running vCPU pays for its time up to t, so that the queue's virtual time is of now. */
static void charge_running(struct runqueue *rq, s_time_t t)
{
	struct sched_vcpu *s = sched_of(rq->core.running);

	if (s)
		cap_charge(s, rq_charge(&rq->core, t), t);
}

void vcpu_wake(struct vcpu *v)
{
	struct sched_vcpu *s = v->sched;
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(v, &flags);
	unsigned cpu;
	s_time_t t;
	bool kick;

	/* On its way out of its CPU: context_saved() looks again. */
	if (s->e.place != PLACE_OFF || !vcpu_runnable(v) || v->is_running) {
		vcpu_rq_unlock(rq, flags);
		return;
	}
	cpu = choose_cpu(v);
	if (cpu != v->processor) {
		v->processor = cpu;
		vcpu_rq_unlock(rq, flags);
		rq = vcpu_rq_lock(v, &flags);
		/* Another may have been quicker between the locks. */
		if (s->e.place != PLACE_OFF || !vcpu_runnable(v) || v->is_running) {
			vcpu_rq_unlock(rq, flags);
			return;
		}
		cpu = v->processor;
	}
	s->e.weight = v->domain->sched->weight;
	t = now();
	charge_running(rq, t);
	rq_enter(&rq->core, &s->e, t);
	runstate_change(v, RUNSTATE_runnable, t);
	/* Or its turn is to be shorter. */
	kick = rq_preempts(&rq->core, &s->e, t) || (s->e.brief && rq_turn(&rq->core) < SCHED_SLICE);
	if (!rq->core.running)
		cpumask_clear_cpu(cpu, &idle_cpus);
	note_waiting(rq, cpu);
	vcpu_rq_unlock(rq, flags);
	if (kick)
		softirq_raise_cpu(cpu, SOFTIRQ_SCHEDULE);
}

/* prev's registers are in memory, or kept lazily by an idle CPU: others may run it. */
void context_saved(struct vcpu *prev)
{
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(prev, &flags);
	bool again;

	__atomic_store_n(&prev->is_running, false, __ATOMIC_RELEASE);
	again = prev->sched->e.place == PLACE_OFF && vcpu_runnable(prev);
	vcpu_rq_unlock(rq, flags);
	if (again)
		vcpu_wake(prev);
}

void vcpu_replace(struct vcpu *v)
{
	unsigned long flags;
	struct runqueue *rq = vcpu_rq_lock(v, &flags);
	struct sched_vcpu *s = v->sched;
	unsigned cpu = v->processor;
	bool wake = false, kick = false;

	if (!cpumask_test_cpu(cpu, &s->allowed)) {
		if (s->e.place == PLACE_QUEUED) {
			rq_leave(&rq->core, &s->e);
			note_waiting(rq, cpu);
			wake = true;
		} else if (s->e.place == PLACE_RUNNING) {
			kick = true;
		}
	}
	vcpu_rq_unlock(rq, flags);
	if (wake)
		vcpu_wake(v);
	if (kick)
		softirq_raise_cpu(cpu, SOFTIRQ_SCHEDULE);
}

/* Under the lock: the running vCPU stops, for good or only to be compared with those that wait. True: it must go on. */
static bool stop_running(struct runqueue *rq, struct vcpu *prev, unsigned cpu, s_time_t t)
{
	struct sched_vcpu *s = prev->sched;
	bool stays = vcpu_runnable(prev) && cpumask_test_cpu(cpu, &s->allowed);

	s->e.weight = prev->domain->sched->weight;
	charge_running(rq, t);
	if (stays && !s->yielded && t - s->picked_at < sched_ratelimit_ns && cap_left(s, t) > 0)
		return true;
	if (s->yielded)
		rq_yield(&rq->core);
	s->yielded = false;
	rq_stop(&rq->core, stays);
	return false;
}

/* The best of those that wait here and may run; the others are parked or sent elsewhere. NULL: none. */
static struct sched_vcpu *pick(struct runqueue *rq, unsigned cpu, s_time_t t, int64_t *left)
{
	struct sched_entity *e;

	while ((e = rq_first(&rq->core))) {
		struct sched_vcpu *s = sched_of(e);

		/* is_running elsewhere cannot be: it is queued where it last ran until its state is saved. */
		*left = cap_left(s, t);
		if (*left > 0)
			return s;
		rq_leave(&rq->core, e);
		cap_park(s, t);
	}
	return NULL;
}

/* Until when it may go on; 0: for ever, for it is the idle vCPU. */
static s_time_t turn_end(const struct runqueue *rq, const struct sched_vcpu *s, s_time_t t, int64_t left)
{
	int64_t turn = SCHED_TICK;

	if (s && rq->core.nr_waiting)
		turn = MAX(rq_turn(&rq->core), MAX((int64_t)sched_ratelimit_ns, SHORTEST_TURN));
	return s ? t + MIN(turn, left) : 0;
}

/* Under the lock: the best of this queue, or of another's if this one is empty, or if it is time to look at the others. */
static struct sched_vcpu *pick_or_pull(struct runqueue *rq, unsigned cpu, s_time_t t, int64_t *left)
{
	struct sched_vcpu *s;

	if (rq->online && t >= rq->next_balance && rq->core.load) {
		rq->next_balance = t + BALANCE_PERIOD;
		balance(rq, cpu, t);
	}
	s = pick(rq, cpu, t, left);
	if (s || !rq->online)
		return s;
	switch (pull_for_idle(rq, cpu)) {
	case PULL_DONE:
		return pick(rq, cpu, t, left);
	case PULL_BUSY:		/* somebody waits, but that queue was just in use: again at once */
		softirq_raise(SOFTIRQ_SCHEDULE);
		break;
	case PULL_NONE:
		break;
	}
	return NULL;
}

/* Under the lock: chooses, and makes the books agree. *until is when to look again. */
static struct vcpu *choose_next(struct runqueue *rq, struct vcpu *prev, unsigned cpu, s_time_t t, s_time_t *until)
{
	struct sched_vcpu *s = NULL;
	int64_t left = INT64_MAX;

	if (!is_idle_vcpu(prev) && stop_running(rq, prev, cpu, t)) {
		*until = prev->sched->picked_at + sched_ratelimit_ns;
		return prev;
	}
	s = pick_or_pull(rq, cpu, t, &left);
	if (s) {
		rq_run(&rq->core, &s->e, t);
		s->picked_at = t;
		s->v->is_running = true;
	}
	*until = turn_end(rq, s, t, left);
	note_waiting(rq, cpu);
	if (!s && rq->online)
		cpumask_set_cpu(cpu, &idle_cpus);
	else
		cpumask_clear_cpu(cpu, &idle_cpus);
	return s ? s->v : idle_vcpu[cpu];
}

static void account_switch(struct vcpu *prev, struct vcpu *next, s_time_t t)
{
	int state = RUNSTATE_offline;

	if (is_idle_vcpu(prev))
		state = RUNSTATE_runnable;
	else if (prev->sched->e.place == PLACE_QUEUED || prev->sched->e.place == PLACE_PARKED || vcpu_runnable(prev))
		state = RUNSTATE_runnable;
	else
		state = runstate_when_off(prev);
	runstate_change(prev, state, t);
	runstate_change(next, RUNSTATE_running, t);
}

void schedule(void)
{
	unsigned cpu = smp_processor_id();
	struct runqueue *rq = &this_cpu(runqueue);
	struct vcpu *prev = current, *next;
	unsigned long flags = spin_lock_irqsave(&rq->lock);
	s_time_t t = now(), until;

	next = choose_next(rq, prev, cpu, t, &until);
	if (next != prev)
		account_switch(prev, next, t);
	spin_unlock(&rq->lock);
	/* The hardware is slow: not under the lock, at which others look. */
	apic_turn_ends(until);
	irq_restore(flags);
	if (next == prev) {
		if (!is_idle_vcpu(next))
			vcpu_pirqs_follow(next, cpu, t);
		return;
	}
	/* Another CPU may hold next's registers lazily: it is asked for them with interrupts on. */
	if (!is_idle_vcpu(next) && next->dirty_cpu != cpu)
		vcpu_sync_state(next);
	irq_save();
	context_switch(prev, next);
}

void vcpu_yield(void)
{
	current->sched->yielded = true;
	softirq_raise(SOFTIRQ_SCHEDULE);
}

void sched_rq_init(unsigned cpu)
{
	struct runqueue *rq = &per_cpu(runqueue, cpu);

	spin_lock_init(&rq->lock);
	rq_init(&rq->core);
}
