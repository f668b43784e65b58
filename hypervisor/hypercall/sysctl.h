/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl's parts: a handler gets the one copy of the request, which goes back to the caller where its row
 * says so.
 */
#ifndef HYPERCALL_SYSCTL_H
#define HYPERCALL_SYSCTL_H
#include "hypercall/dispatch.h"
#include <xen/sysctl.h>

struct sysctl_call { struct xen_sysctl op; bool copyback; };
typedef long sysctl_fn(struct sysctl_call *c);
hypercall_fn hc_sysctl;
#endif
