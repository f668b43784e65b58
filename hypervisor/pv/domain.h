/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PV kind of guest. */
#ifndef PV_DOMAIN_H
#define PV_DOMAIN_H
struct guest_ops;
struct domain;
extern const struct guest_ops pv_guest_ops;
void pv_assist_changed(struct domain *d);	/* after d->vm_assist has: what its vCPUs have of it in reach */
#endif
