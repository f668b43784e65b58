/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of x86/iommu/ share: units, address spaces, what a vendor provides. */
#ifndef X86_IOMMU_UNIT_H
#define X86_IOMMU_UNIT_H
#include "x86/iommu/iommu.h"
#include "x86/iommu/iopt.h"
#include "x86/iommu/tables.h"
#include "lib/spinlock.h"

struct iommu_unit {
	const struct iommu_unit_info *info;
	unsigned nr;
	volatile char *regs;
	uint64_t cap, ecap;
	unsigned irq;			/* of its faults; 0: none */
	/* queue_lock: requests to forget something */
	spinlock_t queue_lock;
	uint64_t *queue;		/* 256 entries of 16 bytes */
	unsigned tail;
	volatile uint64_t *done;	/* the unit writes the number of the last request here */
	uint64_t sequence;
	/* VT-d: the root table; AMD: the device table, the event log */
	unsigned nr_devices;		/* AMD: entries of the table */
	bool enabled;
	uint64_t *table, *log;
	unsigned log_head;
};
#define IOMMU_QUEUE_ENTRIES 256u
extern struct iommu_unit iommu_unit[IOMMU_MAX_UNITS];
extern unsigned iommu_nr_units;

struct iommu_space {
	spinlock_t lock;
	struct iopt pt;
	struct iopt foreign;		/* a frame's grants: writable ones in the upper half, others in the lower */
	uint16_t id;			/* tag of its IOTLB entries; on every unit the same */
	domid_t owner;
	bool passthrough;		/* no translation */
	uint32_t units;			/* bit per unit that may have entries of it */
};

/* What all units have in common, found by init of each. caching: they remember what was not there. */
extern struct iommu_common { unsigned levels, max_ids; bool large, writeback, passthrough, caching; } iommu_common;

struct iommu_ops {
	const char *name;
	const struct iopt_format *format;
	uint64_t regs_size;
	int (*init)(struct iommu_unit *u);		/* takes the unit over: queue, tables, faults. Says itself what fails */
	void (*remap_init)(bool wanted);	/* interrupt remapping; all units are there */
	int (*found)(uint16_t seg, uint16_t bdf);	/* a device is there: before its lines; NULL: nothing to do. -ENOMEM */
	void (*enable)(struct iommu_unit *u);
	void (*started)(void);			/* all are enabled; NULL: nothing to do */
	/* The device reaches what s has (NULL: nothing), and nothing of what it reached before. -ENOMEM */
	int (*set_device)(struct iommu_unit *u, uint16_t bdf, const struct iommu_space *s);
	void (*flush_space)(struct iommu_unit *u, uint16_t id);
	void (*flush_frame)(struct iommu_unit *u, uint16_t id, uint64_t frame);
};
extern const struct iommu_ops iommu_vtd_ops, iommu_amd_ops;

/* iommu.c: a device of unit nr. -ENOMEM */
int iommu_set_device(int unit, uint16_t bdf, struct iommu_space *s);
int iommu_prepare_device(uint16_t seg, uint16_t bdf);
void iommu_write_back(const void *p, size_t n);		/* where units do not snoop */
/* One device's forbidden access (devices.c). Interrupts off. */
void iommu_report_fault(const struct iommu_unit *u, uint16_t bdf, uint64_t addr, const char *what, const char *why);
/* iommu.c: for acpi.c. dom0 does not find a DMAR table that is in use. */
void iommu_acpi_dmar(const struct acpi_header *t);
void iommu_acpi_ivrs(const struct acpi_header *t);
#endif
