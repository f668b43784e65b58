/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt remapping: a line's message names an entry of a table that the unit reads, which says the CPU and the vector. VT-d has
 * one table, in which the index is the irq's number, and the entry says whose message it may be; AMD has a table for each device.
 * So a device can raise its own interrupts and no others.
 */
#ifndef X86_IOMMU_REMAP_H
#define X86_IOMMU_REMAP_H
#include "x86/irq_desc.h"

/* Does remapping begin: is it wanted, can the units, and do the tables name every IO-APIC? If not, that is said. */
bool remap_possible(bool wanted, bool units_can);
/* The name of the device that the line is; false: it has none. Behind a bridge it may arrive with another. */
bool remap_device_of(const struct irq_desc *d, uint16_t *seg, uint16_t *bdf);
/* vtd_remap.c: on from here for every unit. Says so in the log. */
void vtd_remap_init(bool wanted);
#endif
