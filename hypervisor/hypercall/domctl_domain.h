/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: domains as wholes. */
#ifndef HYPERCALL_DOMCTL_DOMAIN_H
#define HYPERCALL_DOMCTL_DOMAIN_H
#include "hypercall/domctl.h"
domctl_fn domctl_create, domctl_destroy, domctl_pause, domctl_unpause, domctl_resume, domctl_getinfo,
	domctl_max_vcpus, domctl_max_mem, domctl_set_handle, domctl_set_target, domctl_subscribe,
	domctl_time_offset, domctl_set_debugging, domctl_hypercall_init, domctl_address_size_set,
	domctl_address_size_get, domctl_virq_handler, domctl_scheduler;
/* What XEN_DOMCTL_getdomaininfo and XEN_SYSCTL_getdomaininfolist tell of d. */
void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info);
#endif
