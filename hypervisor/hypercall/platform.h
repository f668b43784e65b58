/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dom0's part in running the machine. */
#ifndef HYPERCALL_PLATFORM_H
#define HYPERCALL_PLATFORM_H
#include "hypercall/hypercall.h"
hypercall_fn hc_platform_op;
#endif
