/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dom0's machine-check log. */
#ifndef HYPERCALL_MCA_H
#define HYPERCALL_MCA_H
#include "hypercall/hypercall.h"
hypercall_fn hc_mca;
#endif
