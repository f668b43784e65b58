// SPDX-License-Identifier: GPL-2.0-or-later
/* sched_op and set_timer_op: yield, block, poll, shut down, watchdogs (xen/sched.h). */
#include "hypercall/sched_op.h"
#include "hypercall/dispatch.h"
#include "lib/panic.h"
#include "mem/heap.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "x86/time.h"

#define MAX_POLL_PORTS 128		/* as Xen */
#define NR_WATCHDOGS 2			/* per domain, as Xen */
#define NS_PER_SEC 1000000000ll
#define NS_PER_MS 1000000ll

/*
 * The timers live as long as 'w' in d->services; a timer's function needs its domain, hence the back
 * pointer.
 */
struct watchdogs {
	struct domain *d;
	uint32_t in_use;		/* bit per timer; services' lock */
	struct watchdog { struct timer timer; struct watchdogs *all; } dog[NR_WATCHDOGS];
};

static long op_yield(void *arg)
{
	vcpu_yield();
	return 0;
}

static long op_block(void *arg)
{
	vcpu_block();
	return 0;
}

static long op_shutdown(void *arg)
{
	struct sched_shutdown s;

	if (guest_copy_in(&s, arg, sizeof(s)))
		return -EFAULT;
	domain_shutdown(current->domain, (uint8_t)s.reason);
	return 0;
}

static long op_poll(void *arg)
{
	struct sched_poll p;
	evtchn_port_t ports[MAX_POLL_PORTS];

	if (guest_copy_in(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.nr_ports > MAX_POLL_PORTS)
		return -EINVAL;
	if (guest_copy_in(ports, p.ports.p, p.nr_ports * sizeof(ports[0])))
		return -EFAULT;
	return vcpu_poll(ports, p.nr_ports, p.timeout);
}

static long op_remote_shutdown(void *arg)
{
	struct sched_remote_shutdown s;
	struct domain *d;
	int err;

	if (guest_copy_in(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.domain_id == DOMID_SELF)
		return -ESRCH;
	d = target_domain(s.domain_id, &err);
	if (!d)
		return err;
	domain_shutdown(d, (uint8_t)s.reason);
	domain_put(d);
	return 0;
}

static long op_shutdown_code(void *arg)
{
	struct sched_shutdown s;
	struct domain *d = current->domain;

	if (guest_copy_in(&s, arg, sizeof(s)))
		return -EFAULT;
	spin_lock(&d->shutdown_lock);
	d->shutdown_code = (uint8_t)s.reason;
	spin_unlock(&d->shutdown_lock);
	return 0;
}

static void watchdog_expired(void *arg)
{
	struct watchdog *w = arg;

	printk(LOG_WARN "Watchdog timer fired for domain %u\n", w->all->d->id);
	domain_shutdown(w->all->d, SHUTDOWN_watchdog);
}

static struct watchdogs *watchdogs_of(struct domain *d)
{
	struct domain_services *s = domain_services(d);
	struct watchdogs *w, *old;

	if (!s)
		return NULL;
	w = READ_ONCE(s->watchdogs);
	if (w)
		return w;
	w = new_object(struct watchdogs);
	if (!w)
		return NULL;
	w->d = d;
	for (unsigned i = 0; i < NR_WATCHDOGS; i++) {
		w->dog[i].all = w;
		timer_setup(&w->dog[i].timer, watchdog_expired, &w->dog[i], smp_processor_id());
	}
	old = cmpxchg(&s->watchdogs, NULL, w);
	if (old) {
		heap_free(w);
		return old;
	}
	return w;
}

void watchdogs_free(struct watchdogs *w)
{
	for (unsigned i = 0; i < NR_WATCHDOGS; i++)
		timer_kill(&w->dog[i].timer);
	heap_free(w);
}

/* id 0: a free one, returned counting from 1. timeout in seconds; 0 stops it. */
static long watchdog_set(struct watchdogs *w, uint32_t id, uint32_t timeout)
{
	if (id > NR_WATCHDOGS)
		return -EINVAL;
	if (id == 0) {
		if (timeout == 0)
			return -EINVAL;
		for (id = 1; id <= NR_WATCHDOGS && w->in_use & 1u << (id - 1); id++)
			;
		if (id > NR_WATCHDOGS)
			return -ENOSPC;
		w->in_use |= 1u << (id - 1);
		timer_set(&w->dog[id - 1].timer, now() + timeout * NS_PER_SEC);
		return id;
	}
	if (!(w->in_use & 1u << (id - 1)))
		return -EINVAL;
	if (timeout == 0) {
		timer_stop(&w->dog[id - 1].timer);
		w->in_use &= ~(1u << (id - 1));
	} else {
		timer_set(&w->dog[id - 1].timer, now() + timeout * NS_PER_SEC);
	}
	return 0;
}

static long op_watchdog(void *arg)
{
	struct sched_watchdog s;
	struct domain *d = current->domain;
	struct watchdogs *w;
	long rc;

	if (guest_copy_in(&s, arg, sizeof(s)))
		return -EFAULT;
	w = watchdogs_of(d);
	if (!w)
		return -ENOMEM;
	spin_lock(&d->services->lock);
	rc = watchdog_set(w, s.id, s.timeout);
	spin_unlock(&d->services->lock);
	return rc;
}

static long op_pin_override(void *arg)
{
	struct sched_pin_override p;

	if (!caller_may(HC_HARDWARE))
		return -EPERM;
	if (guest_copy_in(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.pcpu >= 0 && !cpu_online(p.pcpu))
		return -EINVAL;
	return vcpu_temporary_affinity(current, p.pcpu < 0 ? 0 : p.pcpu, p.pcpu >= 0);
}

static long (*const ops[])(void *arg) = {
	[SCHEDOP_yield] = op_yield,
	[SCHEDOP_block] = op_block,
	[SCHEDOP_shutdown] = op_shutdown,
	[SCHEDOP_poll] = op_poll,
	[SCHEDOP_remote_shutdown] = op_remote_shutdown,
	[SCHEDOP_shutdown_code] = op_shutdown_code,
	[SCHEDOP_watchdog] = op_watchdog,
	[SCHEDOP_pin_override] = op_pin_override,
};

long hc_sched_op(struct hypercall *h)
{
	uint32_t cmd = h->a[0];

	return cmd < ARRAY_SIZE(ops) ? ops[cmd]((void *)h->a[1]) : -ENOSYS;
}

/* The form before Xen 3.1: the argument of shutdown is the reason itself. */
long hc_sched_op_compat(struct hypercall *h)
{
	switch ((uint32_t)h->a[0]) {
	case SCHEDOP_yield:
		return op_yield(NULL);
	case SCHEDOP_block:
		return op_block(NULL);
	case SCHEDOP_shutdown:
		domain_shutdown(current->domain, (uint8_t)h->a[1]);
		return 0;
	default:
		return -ENOSYS;
	}
}

/*
 * A timeout absurdly far away or negative is a guest's overflowed sum, not a wish to sleep for years: such
 * guests (old Linux) rely on being woken soon, so it becomes 100 ms, as in Xen.
 */
long hc_set_timer_op(struct hypercall *h)
{
	s_time_t t = h->a[0];

	if (t == 0) {
		vcpu_stop_singleshot(current);
		return 0;
	}
	if (t < 0 || t - now() > 1ll << 50)
		t = now() + 100 * NS_PER_MS;
	vcpu_set_singleshot(current, t, 0);
	return 0;
}
