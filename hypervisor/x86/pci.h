/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_PCI_H
#define X86_PCI_H
#include "lib/types.h"

void pci_init(void);
/* PCI configuration space (x86/pci.c): mechanism 1 and, for what dom0 has reserved, MMCFG. sizes 1, 2, 4 */
uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size);
void pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size, uint32_t val);
/* The same for a value that dom0 writes, which may move devices' memory. Interrupts on, no locks. */
void pci_write_hardware_domain(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size, uint32_t val);
extern uint32_t pci_cf8_shadow;		/* last value dom0 wrote to 0xcf8 is per vCPU in pv/; the lock is inside pci_* */
int pci_device_add(uint16_t seg, uint8_t bus, uint8_t devfn);
int pci_device_remove(uint16_t seg, uint8_t bus, uint8_t devfn);
int pci_mmcfg_reserved(uint64_t address, uint16_t seg, uint8_t start_bus, uint8_t end_bus, bool reserved);
#endif
