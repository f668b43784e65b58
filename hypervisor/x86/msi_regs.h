/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of the MSI and MSI-X capabilities (PCI 3.0, 6.8), inside x86/. */
#ifndef X86_MSI_REGS_H
#define X86_MSI_REGS_H
#include "lib/types.h"

#define CAP_MSI		0x05
#define CAP_MSIX	0x11
#define MSI_CONTROL	2
#define MSI_ENABLE	0x0001u
#define MSI_64BIT	0x0080u
#define MSI_MASKABLE	0x0100u
#define MSIX_ENABLE	0x8000u
#define MSIX_MASKALL	0x4000u
#define MSIX_TABLE	4
#define MSIX_PENDING	8
#define MSIX_ENTRY_SIZE	16u

struct msi_place;
paddr_t msi_read_bar(const struct msi_place *m, unsigned bar);	/* machine address of a memory BAR; 0: none */
#endif
