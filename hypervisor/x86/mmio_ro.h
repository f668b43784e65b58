/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_MMIO_RO_H
#define X86_MMIO_RO_H
#include "lib/types.h"

/*
 * Frames of device memory that no guest may have writable, nor dom0: configuration space, MSI-X tables in use. What was mapped
 * before stays as it is. Frame numbers, both ends within. -ENOMEM
 */
int mmio_ro_add(unsigned long first, unsigned long last);
void mmio_ro_remove(unsigned long first, unsigned long last);
bool mmio_is_readonly(mfn_t m);

/*
 * The pages of an MSI-X capability's table and pending bits become read-only with the function's first user (a mapped line, or
 * msix_prepare), and free with its last. cap: offset of the capability. -ENXIO: the BAR is not set; -ENOMEM
 */
struct msi_place;
int msix_table_use(const struct msi_place *m);
void msix_table_unuse(const struct msi_place *m);
/* PHYSDEVOP_prepare_msix, release_msix: -EBUSY: lines are mapped, or prepared already; released what was not prepared. */
int msix_table_prepare(const struct msi_place *m, bool release);
#endif
