/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways round faults of particular CPUs and emulators, found when they show. */
#ifndef X86_QUIRKS_H
#define X86_QUIRKS_H
#include "x86/traps.h"
/*
 * A page fault taken in ring 3, outside the hypervisor's addresses, on a present page, as a supervisor's access: no real CPU does
 * that. QEMU 7.2's software emulation reads the stack of a far return as a supervisor, and SMAP forbids it. Turns SMAP off on all
 * CPUs; true: try again. Interrupts on, no locks.
 */
bool quirk_smap_ring3(uint32_t error_code);
#endif
