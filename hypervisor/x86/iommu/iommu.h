/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IOMMUs: which memory each device may reach. Public side of x86/iommu/.
 *
 * A domain with devices has an address space for them (struct iommu_space): its frames that it may write at their own machine
 * addresses, and those that others have granted it. Who keeps it: pv/mm_types.c (a frame becomes writable, or stops being),
 * domain/pages.c (it leaves the domain), hypercall/gnttab_map.c. What is taken away is out of every IOTLB before the caller goes
 * on. No IOMMU, or a domain without devices: domain->iommu is NULL, and that test is all it costs.
 *
 * Locks: space->lock, then a unit's queue; both with interrupts on. Devices: iommu_devices_lock, before those.
 */
#ifndef X86_IOMMU_IOMMU_H
#define X86_IOMMU_IOMMU_H
#include "lib/types.h"
#include <xen/xen.h>

#define IOMMU_NOBODY	((domid_t)0x7ff1)	/* DOMID_IO: owner of devices in quarantine */

struct iommu_space;
extern bool iommu_active;		/* units are there and used */
extern const char *iommu_name;		/* "VT-d", "AMD-Vi" */
/* dom0-iommu= */
extern bool iommu_dom0_strict, iommu_dom0_passthrough, iommu_dom0_inclusive, iommu_dom0_reserved;

void iommu_init(void);			/* finds units, takes them over; boot CPU, after irq_init */
void iommu_enable(void);		/* from here on every DMA is translated */
/* Calls fn for each unit's registers: nobody else's. */
void iommu_for_each_unit(void (*fn)(void *arg, paddr_t base, uint64_t size), void *arg);

struct iommu_space *iommu_space_new(domid_t owner, bool passthrough);	/* NULL: no memory or no number left */
void iommu_space_free(struct iommu_space *s);		/* no device is in it */
/* A range of memory, for good (RAM that is not followed, reserved regions). -ENOMEM, -ERANGE */
int iommu_add_range(struct iommu_space *s, uint64_t first, uint64_t nr, bool write);
int iommu_add_regions(struct iommu_space *s);		/* what the firmware wants every device of its to reach */
int iommu_add_regions_of(struct iommu_space *s, uint16_t seg, uint16_t bdf);
/* The owner's frame m is writable from now on. Without memory the devices cannot reach it: said in the log. */
void iommu_frame_writable(struct iommu_space *s, mfn_t m);
void iommu_frame_gone(struct iommu_space *s, mfn_t m);	/* no device reaches it when this returns */
/* Another domain's frame, granted: counted. -ENOMEM */
int iommu_foreign_add(struct iommu_space *s, mfn_t m, bool write);
/* true: something was taken away: iommu_flush before the frame can go */
bool __must_check iommu_foreign_del(struct iommu_space *s, mfn_t m, bool write);
void iommu_flush(struct iommu_space *s);
bool iommu_can_write(struct iommu_space *s, mfn_t m);	/* for checks */

/* Devices: x86/iommu/devices.c. -ENODEV: no such device, or no unit has it; -EBUSY */
#define PCI_BDF(bus, devfn) ((uint16_t)((bus) << 8 | (devfn)))
int iommu_device_found(uint16_t seg, uint16_t bdf);	/* it becomes dom0's */
void iommu_device_lost(uint16_t seg, uint16_t bdf);
int iommu_device_owner(uint16_t seg, uint16_t bdf, domid_t *owner);
/* Moves a device from its owner to another; s NULL: it reaches nothing (quarantine). To dom0: what dom0's do, whatever s. -EPERM */
int iommu_device_assign(uint16_t seg, uint16_t bdf, domid_t from, domid_t to, struct iommu_space *s);
void iommu_devices_quarantine(domid_t owner, struct iommu_space *s);	/* all that owner has in s, which needs no flush any more */
unsigned iommu_devices_of(domid_t owner);
/* Devices that the IOMMU cannot tell from this one (behind one conventional bridge), itself excluded; number written. */
unsigned iommu_device_group(uint16_t seg, uint16_t bdf, uint16_t *out, unsigned max);
bool iommu_device_has_region(uint16_t seg, uint16_t bdf);
/* Is there a page with registers of it and of a device that is neither owner's nor in quarantine? */
bool iommu_device_shares_page(uint16_t seg, uint16_t bdf, domid_t owner);
void iommu_set_dom0_space(struct iommu_space *s);	/* where devices go that are found */
void iommu_dump(void);
#endif
