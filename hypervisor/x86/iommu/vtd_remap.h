/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_IOMMU_VTD_REMAP_H
#define X86_IOMMU_VTD_REMAP_H
#include "x86/iommu/vtd.h"
#include "x86/iommu/remap.h"	/* vtd_remap_init */
#endif
