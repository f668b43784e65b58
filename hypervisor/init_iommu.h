/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef INIT_IOMMU_H
#define INIT_IOMMU_H
struct domain;
/* What dom0's devices may reach (dom0-iommu=); after its rights are known, before its frames get their types. */
void init_confine_dom0(struct domain *d);
#endif
