/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt remapping: a line's message names an entry of a table that the unit reads, which says the CPU and the vector, and whose
 * message it may be. So a device can raise its own interrupts and no others. The index in the table is the irq's number.
 */
#ifndef X86_IOMMU_REMAP_H
#define X86_IOMMU_REMAP_H
#include "x86/irq_desc.h"

/* vtd_remap.c: on from here for every unit, if all have it and know every IO-APIC. Says so in the log. */
void vtd_remap_init(bool wanted);
#endif
