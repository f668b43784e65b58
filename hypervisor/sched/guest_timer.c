/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timers that a vCPU may set: each raises VIRQ_TIMER, but for the end of a poll. They follow the vCPU to its CPU. */
#include "sched/private.h"
#include "domain/notify.h"
#include "lib/errno.h"
#include "mem/heap.h"
#include "x86/time.h"

#define PERIOD_MIN 1000000ll			/* ns */
#define PERIOD_MAX (1ll << 57)			/* ns */

struct vcpu_timers {
	struct timer singleshot, periodic, poll;
	volatile s_time_t period;		/* 0: none */
	s_time_t next;
};

static void singleshot_due(void *arg)
{
	notify->virq_vcpu(arg, VIRQ_TIMER);
}

static void periodic_due(void *arg)
{
	struct vcpu *v = arg;
	struct vcpu_timers *t = v->timers;
	s_time_t period = t->period, at = now();

	if (!period)
		return;
	notify->virq_vcpu(v, VIRQ_TIMER);
	t->next += period;
	if (t->next <= at)	/* ticks that were missed are not made up for */
		t->next = at + period;
	timer_set(&t->periodic, t->next);
}

static void poll_due(void *arg)
{
	vcpu_poll_end(arg);
}

int guest_timers_create(struct vcpu *v)
{
	v->timers = new_object(struct vcpu_timers);
	if (!v->timers)
		return -ENOMEM;
	timer_setup(&v->timers->singleshot, singleshot_due, v, v->processor);
	timer_setup(&v->timers->periodic, periodic_due, v, v->processor);
	timer_setup(&v->timers->poll, poll_due, v, v->processor);
	return 0;
}

void guest_timers_destroy(struct vcpu *v)
{
	v->timers->period = 0;
	timer_kill(&v->timers->singleshot);
	timer_kill(&v->timers->periodic);
	timer_kill(&v->timers->poll);
	heap_free(v->timers);
	v->timers = NULL;
}

void guest_timers_migrate(struct vcpu *v, unsigned cpu)
{
	timer_migrate(&v->timers->singleshot, cpu);
	timer_migrate(&v->timers->periodic, cpu);
	timer_migrate(&v->timers->poll, cpu);
}

void guest_poll_timer_set(struct vcpu *v, s_time_t deadline)
{
	timer_set(&v->timers->poll, deadline);
}

void guest_poll_timer_stop(struct vcpu *v)
{
	if (timer_is_set(&v->timers->poll))
		timer_stop(&v->timers->poll);
}

int vcpu_set_singleshot(struct vcpu *v, s_time_t timeout, uint32_t flags)
{
	/* VCPU_SSHOTTMR_future may be ignored (xen/vcpu.h), and Xen does: a past time fires at once. */
	timer_set(&v->timers->singleshot, timeout);
	return 0;
}

void vcpu_stop_singleshot(struct vcpu *v)
{
	timer_stop(&v->timers->singleshot);
}

int vcpu_set_periodic(struct vcpu *v, s_time_t period)
{
	if (period < PERIOD_MIN || period > PERIOD_MAX)
		return -EINVAL;
	v->timers->period = period;
	v->timers->next = now() + period;
	timer_set(&v->timers->periodic, v->timers->next);
	return 0;
}

void vcpu_stop_periodic(struct vcpu *v)
{
	v->timers->period = 0;
	timer_stop(&v->timers->periodic);
}
