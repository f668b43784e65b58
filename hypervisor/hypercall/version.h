/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this hypervisor is and offers. */
#ifndef HYPERCALL_VERSION_H
#define HYPERCALL_VERSION_H
#include "hypercall/hypercall.h"
hypercall_fn hc_xen_version;
#endif
