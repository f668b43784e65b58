/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a vCPU wakes, what an idle or less loaded CPU takes from others, and the reasons for waking. */
#include "sched/private.h"
#include "domain/notify.h"
#include "lib/errno.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define ROTATE_PERIOD 240000000ll	/* ns */

enum reason { IDLE, BALANCE, ROTATE };	/* to pull */

/* First CPU of m after 'from', going round; NR_CPUS: m is empty. */
static unsigned next_cyclic(unsigned from, const cpumask_t *m)
{
	unsigned cpu = cpumask_next(from, m);

	return cpu < NR_CPUS ? cpu : cpumask_first(m);
}

static uint64_t load_of(unsigned cpu)
{
	return READ_ONCE(per_cpu(runqueue, cpu).core.load);
}

unsigned choose_cpu(struct vcpu *v)
{
	const struct sched_vcpu *s = v->sched;
	unsigned prev = v->processor, cpu, other;
	cpumask_t liked, idle;

	if (cpumask_test_cpu(prev, &idle_cpus) && cpumask_test_cpu(prev, &s->allowed) && cpumask_test_cpu(prev, &s->soft))
		return prev;
	cpumask_and(&liked, &s->allowed, &s->soft);
	if (cpumask_empty(&liked))
		liked = s->allowed;
	cpumask_and(&idle, &liked, &idle_cpus);
	if (cpumask_test_cpu(prev, &idle))
		return prev;
	cpu = next_cyclic(prev, &idle);
	if (cpu < NR_CPUS)
		return cpu;
	cpumask_and(&idle, &s->allowed, &idle_cpus);
	cpu = cpumask_test_cpu(prev, &idle) ? prev : next_cyclic(prev, &idle);
	if (cpu < NR_CPUS)
		return cpu;
	/* All busy. The better of two keeps loads close to even without a look at all of them. */
	cpu = cpumask_test_cpu(prev, &liked) ? prev : next_cyclic(prev, &liked);
	other = next_cyclic((unsigned)((uint64_t)now() >> 10) % NR_CPUS, &liked);
	return load_of(other) + s->e.weight < load_of(cpu) ? other : cpu;
}

/*
 * How many of those that wait there are its own CPU's to run: a CPU that runs nobody has been told, and takes the first at once. To
 * take that one from it would mean to ask that same CPU for the registers that it holds. Without the lock a hint.
 */
static unsigned left_to_owner(const struct runqueue *from)
{
	return from->online && !READ_ONCE(from->core.running);
}

/* Under both locks: the first of 'from' that may run on cpu; 'likes': only one that has it in its soft affinity. */
static struct sched_vcpu *find_movable(struct runqueue *from, unsigned cpu, uint64_t gain, bool likes)
{
	struct sched_entity *e = rq_first(&from->core);
	struct sched_vcpu *second = NULL;
	unsigned n = 0;

	if (e && left_to_owner(from))
		e = rq_after(e);
	for (; e && n < MOST_LOOKED_AT; e = rq_after(e), n++) {
		struct sched_vcpu *s = sched_of(e);

		if (s->v->is_running || !cpumask_test_cpu(cpu, &s->allowed) || e->counted > gain)
			continue;
		if (cpumask_test_cpu(cpu, &s->soft))
			return s;
		if (!second && !likes)
			second = s;
	}
	return second;
}

/* rq is locked; the victim's lock is only tried, so that two CPUs that look at each other cannot block. */
static enum pull pull_one(struct runqueue *rq, unsigned cpu, unsigned victim, enum reason why)
{
	struct runqueue *from = &per_cpu(runqueue, victim);
	uint64_t gain = UINT64_MAX;
	struct sched_vcpu *s = NULL;

	/* Else every CPU that falls idle in a burst of wake-ups would try for these locks until the owners have come. */
	if (READ_ONCE(from->core.nr_waiting) <= left_to_owner(from))
		return PULL_NONE;
	if (!spin_trylock(&from->lock))
		return PULL_BUSY;
	/* An even exchange of roles is allowed: it is how three vCPUs share two CPUs. */
	if (why == BALANCE)
		gain = from->core.load > rq->core.load ? from->core.load - rq->core.load : 0;
	else if (why == ROTATE && from->core.load < rq->core.load)
		gain = 0;
	if (gain)
		s = find_movable(from, cpu, gain, why == ROTATE);
	if (s) {
		rq_leave(&from->core, &s->e);
		if (!from->core.nr_waiting)
			cpumask_clear_cpu(victim, &waiting_cpus);
		s->v->processor = cpu;
		/* It runs first here, and another waits and may move: else the same one would be to and fro, and never run. */
		if (why == BALANCE)
			s->e.lag = MIN(s->e.lag, -1);
		rq_enter(&rq->core, &s->e, 0);
	}
	spin_unlock(&from->lock);
	return s ? PULL_DONE : PULL_NONE;
}

enum pull pull_for_idle(struct runqueue *rq, unsigned cpu)
{
	unsigned victim = cpu;
	enum pull got = PULL_NONE;

	if (cpumask_empty(&waiting_cpus))	/* most often; to count them takes longer */
		return PULL_NONE;
	for (unsigned n = cpumask_weight(&waiting_cpus); n; n--) {
		enum pull one;

		victim = next_cyclic(victim, &waiting_cpus);
		if (victim >= NR_CPUS)
			break;
		if (victim == cpu)
			continue;
		one = pull_one(rq, cpu, victim, IDLE);
		if (one == PULL_DONE)
			return PULL_DONE;
		if (one == PULL_BUSY)
			got = PULL_BUSY;
	}
	return got;
}

/*
 * CPUs are not alike: one has more interrupts, another a slow sibling, a third serves those that sleep and are in no load. Where
 * the loads are even one is taken from the next CPU all the same; that one's next look restores the balance with another.
 */
static void rotate(struct runqueue *rq, unsigned cpu)
{
	unsigned victim = next_cyclic(cpu, &waiting_cpus);

	if (victim < NR_CPUS && victim != cpu)
		pull_one(rq, cpu, victim, ROTATE);
}

void balance(struct runqueue *rq, unsigned cpu, s_time_t t)
{
	unsigned victim, busiest = NR_CPUS;
	uint64_t most = 0;

	for_each_cpu(victim, &waiting_cpus) {
		if (victim != cpu && load_of(victim) > most) {
			most = load_of(victim);
			busiest = victim;
		}
	}
	if (busiest < NR_CPUS && pull_one(rq, cpu, busiest, BALANCE) == PULL_NONE && t >= rq->next_rotation) {
		rq->next_rotation = t + ROTATE_PERIOD;
		rotate(rq, cpu);
	}
}

/* All that end a poll come through here: the count falls once for each. True: one of the bits was set. */
static bool end_wait(struct vcpu *v, uint32_t bits)
{
	uint32_t were = __atomic_fetch_and(&v->pause_flags, ~bits, __ATOMIC_SEQ_CST) & bits;

	if (were & VPF_POLL)
		atomic_dec(&v->domain->nr_polling);
	return were;
}

void vcpu_kick(struct vcpu *v)
{
	smp_mb();	/* the event before the look at the flags: vcpu_block does it the other way round */
	if (v->pause_flags & (VPF_BLOCKED | VPF_POLL)) {
		end_wait(v, VPF_BLOCKED | VPF_POLL);
		vcpu_wake(v);
	} else if (v->is_running && v != current) {
		smp_send_event_check(v->processor);
	}
}

void vcpu_block(void)
{
	struct vcpu *v = current;

	v->info->evtchn_upcall_mask = 0;
	__atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
	/* An event that came before the flag would not have woken us. */
	if (vcpu_event_pending(v))
		__atomic_fetch_and(&v->pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
	else
		softirq_raise(SOFTIRQ_SCHEDULE);
}

void vcpu_poll_end(struct vcpu *v)
{
	if (end_wait(v, VPF_POLL))
		vcpu_wake(v);
}

long vcpu_poll(const evtchn_port_t *ports, unsigned nr, s_time_t deadline)
{
	struct vcpu *v = current;

	for (unsigned i = 0; i < nr; i++)
		if (!notify->port_valid(v->domain, ports[i]))
			return -EINVAL;
	guest_poll_timer_stop(v);	/* of an earlier poll */
	v->sched->poll_port = nr == 1 ? ports[0] : 0;
	atomic_inc(&v->domain->nr_polling);
	__atomic_fetch_or(&v->pause_flags, VPF_POLL, __ATOMIC_SEQ_CST);
	/* As in vcpu_block: what came before the flag. */
	if (vcpu_event_pending(v))
		goto out;
	for (unsigned i = 0; i < nr; i++)
		if (notify->port_pending(v, ports[i]))
			goto out;
	if (deadline)
		guest_poll_timer_set(v, deadline);
	softirq_raise(SOFTIRQ_SCHEDULE);
	return 0;
out:
	end_wait(v, VPF_POLL);
	return 0;
}

void vcpu_poll_wake(struct vcpu *v, uint32_t port)
{
	uint32_t waited = v->sched->poll_port;

	if ((v->pause_flags & VPF_POLL) && (!waited || waited == port))
		vcpu_poll_end(v);
}
