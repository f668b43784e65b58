/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_IOMMU_VTD_FAULT_H
#define X86_IOMMU_VTD_FAULT_H
#include "x86/iommu/vtd.h"	/* vtd_faults_init */
#endif
