/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: a domain's frames come and go. */
#ifndef HYPERCALL_MEMORY_RESERVE_H
#define HYPERCALL_MEMORY_RESERVE_H
#include "hypercall/memory.h"
memory_fn memory_increase, memory_decrease, memory_populate, memory_claim;
/* allocator flags for a reservation's mem_flags */
unsigned memory_alloc_flags(struct domain *d, unsigned mem_flags);
#endif
