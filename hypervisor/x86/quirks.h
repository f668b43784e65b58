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

/*
 * QEMU's software emulation before version 8.2: while one CPU moves or hides a device's memory (BARs and command register), an
 * access of another CPU to its local APIC may end in a wrong device: QEMU then stops at an assertion (msix_table_mmio_write), or
 * an EOI or a timer is lost. Holds the other CPUs still until quirk_release_others; false: there is no need, nothing to release.
 * Interrupts on, no locks.
 */
bool quirk_hold_others(void);
void quirk_release_others(void);
#endif
