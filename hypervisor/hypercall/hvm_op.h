/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvm_op as far as it concerns PV guests and their tools. */
#ifndef HYPERCALL_HVM_OP_H
#define HYPERCALL_HVM_OP_H
#include "hypercall/hypercall.h"
hypercall_fn hc_hvm_op;
#endif
