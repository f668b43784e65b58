/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: vCPUs of other domains. */
#ifndef HYPERCALL_DOMCTL_VCPU_H
#define HYPERCALL_DOMCTL_VCPU_H
#include "hypercall/domctl.h"
domctl_fn domctl_set_context, domctl_get_context, domctl_vcpu_info, domctl_set_affinity, domctl_get_affinity,
	domctl_trigger, domctl_pause_vcpu, domctl_unpause_vcpu, domctl_gdbsx_status;
#endif
