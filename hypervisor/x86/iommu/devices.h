/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside x86/: what devices.c offers besides iommu.h. */
#ifndef X86_IOMMU_DEVICES_H
#define X86_IOMMU_DEVICES_H
#include "x86/iommu/iommu.h"
#include "lib/spinlock.h"
extern spinlock_t iommu_devices_lock;	/* the list, and which space each device uses */
/* The bus behind a bridge; 0: no bridge. */
uint8_t iommu_read_secondary_bus(uint16_t seg, uint8_t bus, uint8_t devfn);
/*
 * The bridge's name that its requests carry, seen from the unit; *bus: those of its bus may carry their own too. false: its own
 * is the only one.
 */
bool iommu_device_bridge(uint16_t seg, uint16_t bdf, uint16_t *name, bool *bus);
/* The names that its requests may carry: its own, its aliases', its bridge's. Number written. */
#define IOMMU_MAX_NAMES	8u
unsigned iommu_device_names(uint16_t seg, uint16_t bdf, uint16_t names[IOMMU_MAX_NAMES]);
#endif
