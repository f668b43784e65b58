/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many hypercalls in one entry. */
#ifndef HYPERCALL_MULTICALL_H
#define HYPERCALL_MULTICALL_H
#include "hypercall/hypercall.h"
hypercall_fn hc_multicall;
#endif
