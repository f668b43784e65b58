/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparison of two CPUs' TSCs while one of them starts. */
#ifndef X86_TSC_SYNC_H
#define X86_TSC_SYNC_H
#include "lib/types.h"
void tsc_sync_source(void);	/* boot CPU: answers until the other is content */
/* The starting CPU: what to add to its TSC to get the boot CPU's; 0 where they are in step as far as can be told. */
int64_t tsc_sync_measure(void);
#endif
