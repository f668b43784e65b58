/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: nodes of the machine and of the guest. */
#ifndef HYPERCALL_DOMCTL_NUMA_H
#define HYPERCALL_DOMCTL_NUMA_H
#include "hypercall/domctl.h"
domctl_fn domctl_set_vnuma, domctl_set_node_affinity, domctl_get_node_affinity;
#endif
