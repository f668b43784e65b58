/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside x86/: what devices.c offers besides iommu.h. */
#ifndef X86_IOMMU_DEVICES_H
#define X86_IOMMU_DEVICES_H
#include "x86/iommu/iommu.h"
#include "lib/spinlock.h"
extern spinlock_t iommu_devices_lock;	/* the list, and which space each device uses */
/* The bus behind a bridge; 0: no bridge. */
uint8_t iommu_read_secondary_bus(uint16_t seg, uint8_t bus, uint8_t devfn);
/* Do its requests carry a bridge's name? */
bool iommu_device_is_behind(uint16_t seg, uint16_t bdf);
#endif
