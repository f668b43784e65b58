/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines of the host. An irq is Xen's number: GSIs first (0..nr_gsis-1), MSIs after. Hypervisor handlers by
 * irq_request; a line given to a guest calls the ops that hypercall/pirq registers. Vectors: 0x20..0xff; the top 16 for IPIs.
 */
#ifndef X86_IRQ_H
#define X86_IRQ_H
#include "lib/types.h"
#include "lib/bitmap.h"
extern unsigned nr_gsis, nr_irqs;
/* irq_release and irq_guest_unbind wait for a handler or deliver that runs: never call them with a lock that those take. */
int irq_request(unsigned irq, void (*fn)(unsigned irq, void *arg), void *arg, const char *name);	/* -EBUSY, -EINVAL */
void irq_release(unsigned irq);
/* Upward (hypercall/pirq.c): called with interrupts off when a guest-bound irq fires. Level lines stay masked until irq_guest_eoi. */
struct irq_guest_ops { void (*deliver)(unsigned irq, void *cookie); };
void irq_set_guest_ops(const struct irq_guest_ops *ops);
int irq_guest_bind(unsigned irq, void *cookie, bool share);	/* unmasks; -EBUSY, -EINVAL */
void irq_guest_unbind(unsigned irq, void *cookie);
void irq_guest_eoi(unsigned irq);
bool irq_needs_eoi(unsigned irq);	/* level-triggered */
int irq_set_affinity(unsigned irq, const cpumask_t *mask);
/* IO-APIC, for PHYSDEVOP_setup_gsi / apic_read / apic_write */
int ioapic_set_gsi(unsigned gsi, bool level, bool active_low);
int ioapic_guest_read(uint64_t phys, uint32_t reg, uint32_t *val);
int ioapic_guest_write(uint64_t phys, uint32_t reg, uint32_t val);
/* MSI: the hypervisor owns the capability; dom0's Linux asks by PHYSDEVOP_map_pirq (x86/msi.c) */
struct msi_request { uint16_t seg; uint8_t bus, devfn; bool msix; uint16_t entry; uint16_t count; uint64_t table_base; };
int msi_map(const struct msi_request *r, unsigned *first_irq);	/* allocates r->count irqs, programs and unmasks; -errno */
void msi_unmap(unsigned irq);
int msi_prepare(uint16_t seg, uint8_t bus, uint8_t devfn, bool release);
int msi_restore(uint16_t seg, uint8_t bus, uint8_t devfn);
void irq_init(void);
void irq_dump(void);			/* debug key i */
/* PCI configuration space (x86/pci.c): mechanism 1 and, for what dom0 has reserved, MMCFG. sizes 1, 2, 4 */
uint32_t pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size);
void pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned size, uint32_t val);
extern uint32_t pci_cf8_shadow;		/* last value dom0 wrote to 0xcf8 is per vCPU in pv/; the lock is inside pci_* */
int pci_device_add(uint16_t seg, uint8_t bus, uint8_t devfn);
int pci_device_remove(uint16_t seg, uint8_t bus, uint8_t devfn);
int pci_mmcfg_reserved(uint64_t address, uint16_t seg, uint8_t start_bus, uint8_t end_bus, bool reserved);
#endif
