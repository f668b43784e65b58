/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_IOMMU_IVRS_H
#define X86_IOMMU_IVRS_H
#include "x86/iommu/tables.h"	/* iommu_parse_ivrs */
#endif
