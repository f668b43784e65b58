/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters as xl sched-credit2 sets them. Source: xen/domctl.h and xen/sysctl.h, scheduler_op. */
#include "sched/private.h"
#include "boot/cmdline.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

__init static void parse_sched(const char *v)
{
	if (strcmp(v, "credit2"))
		printk(LOG_WARN "sched: '%s' is not known, there is one scheduler: credit2\n", v);
}
BOOT_PARAM(sched, "sched", parse_sched, "credit2: the scheduler (there is one)");

long sched_adjust_domain(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct xen_domctl_sched_credit2 *p = &op->u.credit2;
	struct sched_domain *sd = d->sched;

	if (op->sched_id != XEN_SCHEDULER_CREDIT2 || !sd)
		return -EINVAL;
	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		p->weight = (uint16_t)sd->weight;
		p->cap = (uint16_t)sd->cap;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (p->weight)	/* 0: as it was */
			sd->weight = p->weight;
		if (p->cap != sd->cap)
			cap_set(sd, p->cap);
		return 0;
	default:
		return -EINVAL;
	}
}

long sched_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_credit2_schedule *p = &op->u.sched_credit2;

	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (op->cmd) {
	case XEN_SYSCTL_SCHEDOP_putinfo:
		if (p->ratelimit_us && (p->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
					p->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
			return -EINVAL;
		sched_ratelimit_ns = p->ratelimit_us * 1000;
		return 0;
	case XEN_SYSCTL_SCHEDOP_getinfo:
		p->ratelimit_us = sched_ratelimit_ns / 1000;
		return 0;
	default:
		return -EINVAL;
	}
}
