/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dom0's part in running the machine. */
#ifndef HYPERCALL_PLATFORM_H
#define HYPERCALL_PLATFORM_H
#include "hypercall/hypercall.h"
#include <xen/platform.h>

typedef long platform_fn(struct xen_platform_op *op, bool *copyback);
hypercall_fn hc_platform_op;
#endif
