/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "guest.h"

/* A read-only page with one read-only entry for a zero page at index 0: valid as an L1. */
u64 *new_l1(void);
/* An address whose L2 exists and has no entry for it; n picks one of many. */
void *far_va(unsigned n);
/* Four empty tables linked from [0] (L4) to [3] (L1) at address va, read-only; the L4 is not pinned. */
bool new_tables(u64 *t[4], u64 va);
void free_tables(u64 *t[4]);
