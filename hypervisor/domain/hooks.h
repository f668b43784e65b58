/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What domain/ needs of the layer above it: sched/sched.c fills the table at start, before the first domain. */
#ifndef DOMAIN_HOOKS_H
#define DOMAIN_HOOKS_H
#include "domain/domain.h"
struct domain_hooks {
	int (*domain_create)(struct domain *d);		/* scheduling parameters and time of d */
	void (*domain_destroy)(struct domain *d);
	int (*vcpu_create)(struct vcpu *v);
	void (*vcpu_destroy)(struct vcpu *v);
	void (*vcpu_sleep_sync)(struct vcpu *v);	/* as in sched/sched.h */
	void (*vcpu_sleep_nosync)(struct vcpu *v);
	void (*vcpu_wake)(struct vcpu *v);
	void (*flush_lazy)(struct domain *d);
	bool (*preempt)(void);				/* something else is to be done soon */
	void (*defer)(struct domain *d, void (*fn)(struct domain *d));	/* after a grace period of RCU */
};
extern const struct domain_hooks *domain_hooks;
#endif
