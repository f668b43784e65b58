/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware's description of IOMMUs: DMAR (VT-d specification, chapter 8) and IVRS (AMD IOMMU specification, chapter 5). What
 * does not fit is named in the log and left out.
 */
#ifndef X86_IOMMU_TABLES_H
#define X86_IOMMU_TABLES_H
#include "x86/acpi_tables.h"

#define IOMMU_MAX_UNITS		32u
#define IOMMU_MAX_SCOPES	64u
#define IOMMU_MAX_REGIONS	64u
#define IOMMU_MAX_ALIASES	64u
#define IOMMU_MAX_IOAPICS	32u

enum iommu_vendor { IOMMU_NONE, IOMMU_VTD, IOMMU_AMD };

/* Devices first..last (bus << 8 | devfn) are the unit's. */
struct iommu_scope { uint16_t first, last; };
struct iommu_unit_info {
	uint16_t seg;
	paddr_t base;
	bool all;			/* VT-d: every device of the segment that no other unit names */
	uint16_t bdf, cap;		/* AMD: the unit's own PCI function and capability */
	unsigned nr_scopes;
	struct iommu_scope scope[IOMMU_MAX_SCOPES];
};
/* Memory that the devices first..last must always reach (RMRR, unity-mapped IVMD). */
struct iommu_region { uint16_t seg, first, last; paddr_t start, end; };	/* end: one past */

extern struct iommu_tables {
	enum iommu_vendor vendor;
	unsigned nr_units; struct iommu_unit_info unit[IOMMU_MAX_UNITS];
	unsigned nr_regions; struct iommu_region region[IOMMU_MAX_REGIONS];
	/* AMD: requests of device 'from' arrive with the name 'as' */
	unsigned nr_aliases; struct { uint16_t seg, from, as; } alias[IOMMU_MAX_ALIASES];
	/* by which name an IO-APIC's messages arrive */
	unsigned nr_ioapics; struct { uint8_t id; uint16_t seg, bdf; } ioapic[IOMMU_MAX_IOAPICS];
} iommu_tables;

/* Reads one table into iommu_tables. The first kind that is found counts. */
void iommu_parse_dmar(const struct acpi_header *t);
void iommu_parse_ivrs(const struct acpi_header *t);
/* Which unit has the device; -1: none. */
int iommu_unit_of(uint16_t seg, uint16_t bdf);
/* A path of VT-d's scopes through bridges; the bus behind a bridge is read from it (a hook, for tests). */
extern uint8_t (*iommu_secondary_bus)(uint16_t seg, uint8_t bus, uint8_t devfn);
#endif
