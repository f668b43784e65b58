/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended state of vCPUs: areas of host_cpu.xstate_size bytes, 64-byte aligned. */
#ifndef X86_XSTATE_H
#define X86_XSTATE_H
#include "lib/types.h"

void *xstate_alloc(void);
void xstate_free(void *area);
void xstate_save(void *area);		/* of the vCPU leaving; XCR0 must be host_cpu.xcr0 */
void xstate_restore(const void *area, uint64_t guest_xcr0);	/* sanitized area; loads XCR0 = guest_xcr0 after */
void xstate_reset(void *area);		/* FPU initial state */
int xstate_sanitize(void *area);	/* -EINVAL: the header names states that host_cpu.xcr0 lacks, or reserved bits */
void xstate_set_legacy(void *area, const void *fxsave512);	/* x87 and SSE state from a FXSAVE image; MXCSR made safe */
/* Area size and states, and this CPU's XCR0: once CR4.OSXSAVE is set. */
void xstate_init(void);
void xstate_init_ap(void);
#endif
