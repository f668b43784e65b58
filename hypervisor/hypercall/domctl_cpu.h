/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: what a domain's CPUs are and hold. */
#ifndef HYPERCALL_DOMCTL_CPU_H
#define HYPERCALL_DOMCTL_CPU_H
#include "hypercall/domctl.h"
domctl_fn domctl_get_policy, domctl_set_policy, domctl_get_tsc, domctl_set_tsc, domctl_get_xstate,
	domctl_set_xstate, domctl_get_ext_context, domctl_set_ext_context, domctl_get_msrs, domctl_set_msrs;
#endif
