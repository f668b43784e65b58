/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: a PV guest gives frames and gets others. */
#ifndef HYPERCALL_MEMORY_EXCHANGE_H
#define HYPERCALL_MEMORY_EXCHANGE_H
#include "hypercall/memory.h"
memory_fn memory_exchange;
#endif
