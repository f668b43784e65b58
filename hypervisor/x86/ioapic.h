/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IO-APICs, as dom0 sees them; how lines use them is in x86/irq_desc.h. */
#ifndef X86_IOAPIC_H
#define X86_IOAPIC_H
#include "lib/types.h"

void ioapic_init(void);		/* maps all, masks all pins, sets nr_gsis */
void ioapic_dump(void);		/* debug key z */
/* For PHYSDEVOP_setup_gsi: trigger and polarity of a GSI. -EINVAL: no such one; -EBUSY: in use with others. */
int ioapic_set_gsi(unsigned gsi, bool level, bool active_low);
/* PHYSDEVOP_apic_read and apic_write: phys is the address of an IO-APIC. -EINVAL: none there, or no such register. */
int ioapic_guest_read(uint64_t phys, uint32_t reg, uint32_t *val);
int ioapic_guest_write(uint64_t phys, uint32_t reg, uint32_t val);
#endif
