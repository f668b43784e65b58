/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_MSI_H
#define X86_MSI_H
#include "lib/types.h"

/* MSI: the hypervisor owns the capability; dom0's Linux asks by PHYSDEVOP_map_pirq (x86/msi.c) */
struct msi_request { uint16_t seg; uint8_t bus, devfn; bool msix; uint16_t entry; uint16_t count; uint64_t table_base; };
int msi_map(const struct msi_request *r, unsigned *first_irq);	/* allocates r->count irqs, programs and unmasks; -errno */
void msi_unmap(unsigned irq);
int msi_prepare(uint16_t seg, uint8_t bus, uint8_t devfn, bool release);
int msi_restore(uint16_t seg, uint8_t bus, uint8_t devfn);
#endif
