// SPDX-License-Identifier: GPL-2.0-or-later
#include "x86/iommu/tables.h"

struct iommu_tables iommu_tables;

int iommu_unit_of(uint16_t seg, uint16_t bdf)
{
	int all = -1;

	for (unsigned i = 0; i < iommu_tables.nr_units; i++) {
		const struct iommu_unit_info *u = &iommu_tables.unit[i];

		if (u->seg != seg)
			continue;
		if (u->all)
			all = (int)i;
		for (unsigned k = 0; k < u->nr_scopes; k++)
			if (bdf >= u->scope[k].first && bdf <= u->scope[k].last)
				return (int)i;
	}
	return all;
}
