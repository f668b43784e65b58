/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dom0's side of interrupts and PCI. */
#ifndef HYPERCALL_PHYSDEV_H
#define HYPERCALL_PHYSDEV_H
#include "hypercall/hypercall.h"
hypercall_fn hc_physdev_op, hc_physdev_op_compat;
#endif
