/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time as a PV guest sees it: vcpu_time_info (system time by the TSC) for each vCPU, the wall clock of the domain, runstate.
 * A reader detects a change by 'version': odd while it is being made, different after. Source: xen/xen.h, xen/vcpu.h.
 */
#include "sched/guest_time.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "mem/heap.h"
#include "x86/cpu.h"
#include "x86/time.h"

#define TSC_MODE_DEFAULT	0u
#define TSC_MODE_ALWAYS_EMULATE	1u
#define TSC_MODE_NEVER_EMULATE	2u

struct gtime {
	spinlock_t wc_lock;		/* the wall clock in shared_info */
	int64_t offset;			/* seconds, XEN_DOMCTL_settimeoffset */
	uint32_t tsc_mode, incarnation;
	s_time_t start;			/* system time at which elapsed_ns, and the emulated TSC, counted from 0 */
	uint32_t khz;			/* of the emulated TSC, with its scale */
	uint32_t mul;
	int8_t shift;
};

int guest_time_create(struct domain *d)
{
	struct gtime *g = new_object(struct gtime);

	if (!g)
		return -ENOMEM;
	spin_lock_init(&g->wc_lock);
	g->start = now();
	g->incarnation = 1;
	g->khz = tsc_khz;
	d->time = g;
	guest_wallclock_update(d);
	return 0;
}

void guest_time_destroy(struct domain *d)
{
	heap_free(d->time);
	d->time = NULL;
}

/* The second copy, at a linear address of the guest's: not mapped in user mode, maybe; the switch to kernel mode retries. */
static void copy_time(struct vcpu *v, struct vcpu_time_info *t)
{
	struct vcpu_time_info *to = (struct vcpu_time_info *)v->time_guest;
	uint32_t odd = t->version | 1;

	v->time_stale = true;
	if (guest_copy_out(&to->version, &odd, sizeof(odd)))
		return;
	wmb();
	t->version = odd;
	if (guest_copy_out(to, t, sizeof(*t)))
		return;
	wmb();
	t->version = odd + 1;
	if (!guest_copy_out(&to->version, &t->version, sizeof(t->version)))
		v->time_stale = false;
}

/* The emulated TSC at system time t. */
static uint64_t emulated(const struct gtime *g, uint64_t t)
{
	return (uint64_t)((__uint128_t)(t - (uint64_t)g->start) * g->khz / 1000000);
}

uint64_t guest_tsc_read(const struct domain *d) { return emulated(d->time, (uint64_t)now()); }

void guest_time_update(struct vcpu *v)
{
	struct vcpu_time_info *t = &v->info->time;
	struct time_scale s;
	uint32_t version = t->version | 1;	/* whatever the guest has made of it */

	time_get_scale(&s);
	if (unlikely(v->domain->tsc_emulated)) {
		s.tsc_stamp = emulated(v->domain->time, s.system_time);
		s.mul = v->domain->time->mul;
		s.shift = v->domain->time->shift;
	}
	WRITE_ONCE(t->version, version);
	wmb();
	t->tsc_timestamp = s.tsc_stamp;
	t->system_time = s.system_time;
	t->tsc_to_system_mul = s.mul;
	t->tsc_shift = s.shift;
	t->flags = host_cpu.inv_tsc ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
	wmb();
	WRITE_ONCE(t->version, version + 1);
	if (v->time_guest) {
		struct vcpu_time_info copy = {
			.version = version + 1, .tsc_timestamp = s.tsc_stamp, .system_time = s.system_time,
			.tsc_to_system_mul = s.mul, .tsc_shift = s.shift, .flags = t->flags,
		};

		copy.version -= 2;
		copy_time(v, &copy);
	}
}

void guest_runstate_update(struct vcpu *v)
{
	if (!v->runstate_guest)
		return;
	v->runstate_stale = !guest_runstate_out((struct vcpu_runstate_info *)v->runstate_guest, &v->runstate,
						v->domain->vm_assist & (1ull << VMASST_TYPE_runstate_update_flag));
}

void guest_areas_write(struct vcpu *v)
{
	if (v->runstate_stale)
		guest_runstate_update(v);
	if (v->time_stale && v->time_guest)
		guest_time_update(v);
}

void guest_wallclock_update(struct domain *d)
{
	struct shared_info *s = d->shared;
	uint64_t sec;
	s_time_t nsec;
	uint32_t version;

	if (!s || !d->time)
		return;
	spin_lock(&d->time->wc_lock);
	sec = wallclock_get(&nsec) + (uint64_t)d->time->offset;
	version = s->wc_version | 1;
	WRITE_ONCE(s->wc_version, version);
	wmb();
	s->wc_sec = (uint32_t)sec;
	s->wc_sec_hi = (uint32_t)(sec >> 32);
	s->wc_nsec = (uint32_t)nsec;
	wmb();
	WRITE_ONCE(s->wc_version, version + 1);
	spin_unlock(&d->time->wc_lock);
}

void guest_set_time_offset(struct domain *d, int64_t seconds)
{
	d->time->offset = seconds;
	guest_wallclock_update(d);
}

int guest_tsc_get(struct domain *d, uint32_t *mode, uint64_t *elapsed_ns, uint32_t *gtsc_khz, uint32_t *incarnation)
{
	*mode = d->time->tsc_mode;
	*incarnation = d->time->incarnation;
	*elapsed_ns = d->time->tsc_mode == TSC_MODE_NEVER_EMULATE ? 0 : (uint64_t)(now() - d->time->start);
	*gtsc_khz = d->time->tsc_mode == TSC_MODE_NEVER_EMULATE ? 0 : d->time->khz;
	return 0;
}

/* Two measurements of one speed differ by less than that. */
static bool same_speed(uint64_t khz) { return (khz > tsc_khz ? khz - tsc_khz : tsc_khz - khz) <= tsc_khz / 2000; }

/* By default the TSC is the host's for as long as that has the speed with which the domain began. d is paused. */
int guest_tsc_set(struct domain *d, uint32_t mode, uint64_t elapsed_ns, uint32_t gtsc_khz, uint32_t incarnation)
{
	struct gtime *g = d->time;

	if (mode > TSC_MODE_NEVER_EMULATE)
		return -EINVAL;
	g->tsc_mode = mode;
	g->incarnation = incarnation + 1;	/* it counts the hosts that the guest has been on */
	g->khz = gtsc_khz ?: tsc_khz;
	if (elapsed_ns || mode == TSC_MODE_ALWAYS_EMULATE)
		g->start = now() - (s_time_t)elapsed_ns;
	time_scale_of(g->khz * 1000ull, &g->mul, &g->shift);
	d->tsc_emulated = mode == TSC_MODE_ALWAYS_EMULATE || (mode == TSC_MODE_DEFAULT && !d->is_control && !same_speed(g->khz));
	/* What a CPU holds of its vCPUs lazily was loaded under the old mode. */
	domain_flush_lazy(d);
	return 0;
}
