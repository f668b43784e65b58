// SPDX-License-Identifier: GPL-2.0-or-later
/* The DMAR table (VT-d specification, chapter 8). */
#include "x86/iommu/dmar.h"
#include "lib/panic.h"

#define DMAR_FIRST	48u
#define TYPE_DRHD	0
#define TYPE_RMRR	1
#define DRHD_ALL	1u
#define SCOPE_ENDPOINT	1
#define SCOPE_BRIDGE	2
#define SCOPE_IOAPIC	3
#define SCOPE_HPET	4

static uint8_t no_bus(uint16_t seg, uint8_t bus, uint8_t devfn) { return 0; }
uint8_t (*iommu_secondary_bus)(uint16_t seg, uint8_t bus, uint8_t devfn) = no_bus;

/* The device at the end of a scope's path; false: a bridge on the way leads nowhere. */
static bool walk_path(const uint8_t *s, uint16_t seg, uint16_t *bdf)
{
	uint8_t bus = s[5];

	for (unsigned at = 6; at + 2 <= s[1]; at += 2) {
		uint8_t devfn = (uint8_t)(s[at] << 3 | (s[at + 1] & 7));

		*bdf = (uint16_t)(bus << 8 | devfn);
		if (at + 4 > s[1])
			return true;
		bus = iommu_secondary_bus(seg, bus, devfn);
		if (!bus)
			return false;
	}
	return false;
}

static void add_ioapic(uint16_t seg, uint8_t id, uint16_t bdf)
{
	unsigned n = iommu_tables.nr_ioapics;

	if (n == IOMMU_MAX_IOAPICS)
		return;
	iommu_tables.ioapic[n].id = id;
	iommu_tables.ioapic[n].seg = seg;
	iommu_tables.ioapic[n].bdf = bdf;
	iommu_tables.nr_ioapics++;
}

/* Calls fn for each scope of [at, end): *first..*last are what it names. */
static void for_scopes(const uint8_t *at, const uint8_t *end, uint16_t seg, void *arg,
		       void (*fn)(void *arg, uint16_t seg, uint16_t first, uint16_t last))
{
	while (end - at >= 6) {
		uint16_t bdf;
		uint8_t sub;

		if (at[1] < 6 || at[1] > end - at) {
			printk(LOG_WARN "IOMMU: DMAR: a device scope of %u bytes is left out\n", at[1]);
			return;
		}
		if (!walk_path(at, seg, &bdf)) {
			if (at[0] == SCOPE_ENDPOINT || at[0] == SCOPE_BRIDGE)
				printk(LOG_WARN "IOMMU: DMAR: a path from bus %02x leads to no device\n", at[5]);
		} else if (at[0] == SCOPE_ENDPOINT) {
			fn(arg, seg, bdf, bdf);
		} else if (at[0] == SCOPE_BRIDGE) {
			fn(arg, seg, bdf, bdf);
			sub = iommu_secondary_bus(seg, bdf >> 8, (uint8_t)bdf);
			if (sub)
				fn(arg, seg, (uint16_t)(sub << 8), (uint16_t)(sub << 8 | 0xff));
		} else if (at[0] == SCOPE_IOAPIC) {
			add_ioapic(seg, at[4], bdf);
		}
		at += at[1];
	}
}

static void add_scope(void *arg, uint16_t seg, uint16_t first, uint16_t last)
{
	struct iommu_unit_info *u = arg;

	if (u->nr_scopes == IOMMU_MAX_SCOPES) {
		printk(LOG_WARN "IOMMU: DMAR: too many devices of the unit at %lx: %02x:%02x.%x is left out\n",
		       (unsigned long)u->base, first >> 8, first >> 3 & 31, first & 7);
		return;
	}
	u->scope[u->nr_scopes++] = (struct iommu_scope){ first, last };
}

static void add_unit(const uint8_t *p, uint16_t len)
{
	struct iommu_unit_info *u = &iommu_tables.unit[iommu_tables.nr_units];
	paddr_t base = len >= 16 ? table_u64(p + 8) : 0;

	if (!base || (base & ~PAGE_MASK) || iommu_tables.nr_units == IOMMU_MAX_UNITS) {
		printk(LOG_WARN "IOMMU: DMAR: the unit at %lx is left out\n", (unsigned long)base);
		return;
	}
	u->seg = table_u16(p + 6);
	u->base = base;
	u->all = p[4] & DRHD_ALL;
	iommu_tables.nr_units++;
	for_scopes(p + 16, p + len, u->seg, u, add_scope);
}

static void add_region(void *arg, uint16_t seg, uint16_t first, uint16_t last)
{
	const uint8_t *p = arg;
	struct iommu_region *r = &iommu_tables.region[iommu_tables.nr_regions];

	if (iommu_tables.nr_regions == IOMMU_MAX_REGIONS) {
		printk(LOG_WARN "IOMMU: DMAR: more reserved regions than %u\n", IOMMU_MAX_REGIONS);
		return;
	}
	*r = (struct iommu_region){ seg, first, last, table_u64(p + 8), table_u64(p + 16) + 1 };
	iommu_tables.nr_regions++;
}

static void add_rmrr(const uint8_t *p, uint16_t len)
{
	uint64_t start = len >= 24 ? table_u64(p + 8) : 0, limit = len >= 24 ? table_u64(p + 16) : 0;

	if (limit <= start || (start & ~PAGE_MASK) || ((limit + 1) & ~PAGE_MASK)) {
		printk(LOG_WARN "IOMMU: DMAR: reserved region %lx-%lx is left out\n", (unsigned long)start, (unsigned long)limit);
		return;
	}
	for_scopes(p + 24, p + len, table_u16(p + 6), (void *)p, add_region);
}

void iommu_parse_dmar(const struct acpi_header *t)
{
	const uint8_t *base = (const uint8_t *)t;

	if (iommu_tables.vendor != IOMMU_NONE || t->length < DMAR_FIRST)
		return;
	iommu_tables.vendor = IOMMU_VTD;
	for (uint32_t off = DMAR_FIRST; off + 4 <= t->length;) {
		const uint8_t *p = base + off;
		uint16_t len = table_u16(p + 2);

		if (len < 4 || len > t->length - off) {
			printk(LOG_WARN "IOMMU: DMAR has a bad part at offset %u\n", off);
			return;
		}
		if (table_u16(p) == TYPE_DRHD)
			add_unit(p, len);
		else if (table_u16(p) == TYPE_RMRR)
			add_rmrr(p, len);
		off += len;
	}
}
