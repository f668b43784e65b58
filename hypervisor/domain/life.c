/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pause, shutdown, crash, resume, death.
 *
 * Locks: shutdown_lock for the is_shut* fields, innermost but for what notifying takes. Pause counts are atomic. Death is a
 * sequence of steps, each preemptible and only ever taken by the one CPU that has set d->killing.
 */
#include "domain/life.h"
#include "domain/hooks.h"
#include "domain/notify.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "x86/console.h"
#include "x86/panic.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"
#include "x86/time.h"
#include "x86/traps.h"
#include <xen/sched.h>

#define FRAMES_PER_CHECK 64	/* between two looks at hypercall preemption */
#define CONTROLLER_PAUSE_MAX 255

void domain_event(void)
{
	if (dom0 && notify)
		notify->dom_exc(dom0);
}

void vcpu_pause(struct vcpu *v)
{
	ASSERT(v != current);
	atomic_inc(&v->pause_count);
	domain_hooks->vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
	if (atomic_dec_and_test(&v->pause_count))
		domain_hooks->vcpu_wake(v);
}

void domain_pause_nosync(struct domain *d)
{
	struct vcpu *v;

	atomic_inc(&d->pause_count);
	for_each_vcpu(d, v)
		domain_hooks->vcpu_sleep_nosync(v);
}

void domain_pause(struct domain *d)
{
	struct vcpu *v;

	ASSERT(d != current->domain);
	/* All are told first, so that the waits overlap. */
	domain_pause_nosync(d);
	for_each_vcpu(d, v)
		domain_hooks->vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
	struct vcpu *v;

	if (!atomic_dec_and_test(&d->pause_count))
		return;
	for_each_vcpu(d, v)
		domain_hooks->vcpu_wake(v);
}

int domain_pause_by_controller(struct domain *d)
{
	int n = READ_ONCE(d->controller_pause_count);

	do {
		if (n >= CONTROLLER_PAUSE_MAX)
			return -E2BIG;
	} while (!__atomic_compare_exchange_n(&d->controller_pause_count, &n, n + 1, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	d->controller_paused = true;
	if (d == current->domain)
		domain_pause_nosync(d);
	else
		domain_pause(d);
	return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
	int n = READ_ONCE(d->controller_pause_count);

	do {
		if (n <= 0)
			return -EINVAL;
	} while (!__atomic_compare_exchange_n(&d->controller_pause_count, &n, n - 1, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	if (n == 1)
		d->controller_paused = false;
	domain_unpause(d);
	return 0;
}

/* dom0 is the host's own user interface: when it goes down, so does the machine. */
static void __noreturn machine_shutdown(int code)
{
	switch (code) {
	case SHUTDOWN_poweroff:
		printk(LOG_ERR "Hardware Dom0 halted: halting machine\n");
		console_flush_sync();
		machine_power_off();
	case SHUTDOWN_crash:
		printk(LOG_ERR "Hardware Dom0 crashed\n");
		console_flush_sync();
		reboot_unless_told();
	case SHUTDOWN_watchdog:
		printk(LOG_ERR "Hardware Dom0 shutdown: watchdog rebooting machine\n");
		console_flush_sync();
		machine_restart();
	default:
		printk(LOG_ERR "Hardware Dom0 shutdown: rebooting machine\n");
		console_flush_sync();
		machine_restart();
	}
}

void domain_shutdown(struct domain *d, int code)
{
	spin_lock(&d->shutdown_lock);
	if (d->shutdown_code == -1)
		d->shutdown_code = code;
	code = d->shutdown_code;
	if (d->is_hardware)
		machine_shutdown(code);
	if (d->is_shutting_down) {
		spin_unlock(&d->shutdown_lock);
		return;
	}
	d->is_shutting_down = true;
	domain_pause_nosync(d);
	d->is_shut_down = true;
	spin_unlock(&d->shutdown_lock);
	/* Who subscribed to the suspension (XEN_DOMCTL_subscribe) is told in place of the others. */
	if (code == SHUTDOWN_suspend && d->suspend_evtchn && notify && !notify->port_send(d, d->suspend_evtchn))
		return;
	domain_event();
}

void domain_resume(struct domain *d)
{
	bool was;

	/* None of its vCPUs may still be on its way out of SCHEDOP_shutdown. */
	domain_pause(d);
	spin_lock(&d->shutdown_lock);
	was = d->is_shutting_down;
	d->is_shutting_down = d->is_shut_down = false;
	d->shutdown_code = -1;
	spin_unlock(&d->shutdown_lock);
	if (was)
		domain_unpause(d);
	domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	/* Only the first of its mistakes is told. */
	if (d->is_shutting_down || d->state != DOM_ALIVE) {
		if (!d->is_shutting_down)
			domain_shutdown(d, SHUTDOWN_crash);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk(LOG_GUEST LOG_ERR "Domain %u crashed: %s\n", d->id, text);
	if (d == current->domain) {
		printk(LOG_GUEST LOG_ERR "Domain %u (vcpu#%u) crashed on cpu#%u:\n", d->id, current->id,
		       smp_processor_id());
		show_registers(guest_cpu_user_regs());
	}
	domain_shutdown(d, SHUTDOWN_crash);
}

static int step_stop(struct domain *d)
{
	domain_pause(d);	/* for good */
	/* Under the lock by which frames are assigned: no further one will be. */
	spin_lock(&d->page_lock);
	d->state = DOM_DYING;
	spin_unlock(&d->page_lock);
	domain_set_claim(d, 0);
	return 0;
}

static int step_close(struct domain *d)
{
	return notify ? notify->domain_dying(d) : 0;
}

/* Its frames are going to be others': no device may write them any more. The tables stay until the last frame is gone. */
static int step_devices(struct domain *d)
{
	if (d->iommu)
		iommu_devices_quarantine(d->id, d->iommu);
	return 0;
}

static int step_unshare(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		if (vcpu_info_release_hook && !mfn_is_invalid(v->info_mfn))
			vcpu_info_release_hook(v);
	domain_hooks->flush_lazy(d);
	return 0;
}

static int step_relinquish(struct domain *d)
{
	return d->ops->relinquish(d);
}

static int give_back(struct domain *d, struct frame *f)
{
	frame_drop_dom_ref(f);
	if (++d->death_count % FRAMES_PER_CHECK == 0 && domain_hooks->preempt())
		return -EAGAIN_HYPERCALL;
	return 0;
}

static int step_frames(struct domain *d)
{
	return domain_give_back(d, &d->death_cursor, give_back);
}

static int step_dead(struct domain *d)
{
	d->state = DOM_DEAD;
	domain_event();
	domain_put(d);	/* the reference of creation; readers of RCU, us included, may still look */
	return 0;
}

static int (*const death_steps[])(struct domain *d) = {
	step_stop, step_devices, step_close, step_unshare, step_relinquish, step_frames, step_dead,
};

int domain_kill(struct domain *d)
{
	int err = 0;

	if (d->is_system || d->is_hardware || d == current->domain)
		return -EINVAL;
	if (xchg(&d->killing, true))
		return -EAGAIN_HYPERCALL;
	while (d->death_step < ARRAY_SIZE(death_steps)) {
		err = death_steps[d->death_step](d);
		if (err)
			break;
		d->death_step++;
		if (d->death_step < ARRAY_SIZE(death_steps) && domain_hooks->preempt()) {
			err = -EAGAIN_HYPERCALL;
			break;
		}
	}
	__atomic_store_n(&d->killing, false, __ATOMIC_RELEASE);
	return err;
}
