// SPDX-License-Identifier: GPL-2.0-or-later
/* The IVRS table (AMD IOMMU specification, 5.2). */
#include "x86/iommu/ivrs.h"
#include "lib/panic.h"

#define IVRS_FIRST	48u
#define IVHD_10		0x10
#define IVHD_11		0x11
#define IVHD_40		0x40
#define IVMD_ALL	0x20
#define IVMD_ONE	0x21
#define IVMD_RANGE	0x22
#define IVMD_UNITY	0x01u
#define IVMD_EXCLUSION	0x08u
#define DEV_ALL		1
#define DEV_SELECT	2
#define DEV_RANGE	3
#define DEV_END		4
#define DEV_ALIAS	66
#define DEV_ALIAS_RANGE	67
#define DEV_EXT		70
#define DEV_EXT_RANGE	71
#define DEV_SPECIAL	72
#define SPECIAL_IOAPIC	1

static void add_scope(struct iommu_unit_info *u, uint16_t first, uint16_t last)
{
	if (u->nr_scopes && last >= first && u->scope[u->nr_scopes - 1].last + 1u == first) {
		u->scope[u->nr_scopes - 1].last = last;
		return;
	}
	if (u->nr_scopes == IOMMU_MAX_SCOPES || last < first) {
		printk(LOG_WARN "IOMMU: IVRS: devices %04x-%04x are left out\n", first, last);
		return;
	}
	u->scope[u->nr_scopes++] = (struct iommu_scope){ first, last };
}

static void add_alias(uint16_t seg, uint16_t from, uint16_t as)
{
	unsigned n = iommu_tables.nr_aliases;

	if (from == as)
		return;
	if (n == IOMMU_MAX_ALIASES) {
		printk(LOG_WARN "IOMMU: IVRS: too many aliases: that of %04x is left out\n", from);
		return;
	}
	iommu_tables.alias[n].seg = seg;
	iommu_tables.alias[n].from = from;
	iommu_tables.alias[n].as = as;
	iommu_tables.nr_aliases++;
}

/* An IO-APIC's name is no PCI device's: the unit that tells it has it. */
static void add_special(struct iommu_unit_info *u, const uint8_t *e)
{
	unsigned n = iommu_tables.nr_ioapics;
	uint16_t seg = u->seg;

	if (e[7] != SPECIAL_IOAPIC || n == IOMMU_MAX_IOAPICS)
		return;
	add_scope(u, table_u16(e + 5), table_u16(e + 5));
	iommu_tables.ioapic[n].id = e[4];
	iommu_tables.ioapic[n].seg = seg;
	iommu_tables.ioapic[n].bdf = table_u16(e + 5);
	iommu_tables.nr_ioapics++;
}

/* Bytes of a device entry: by its type's number (5.2.2.1); 240 says it itself. */
static unsigned entry_size(const uint8_t *e, size_t left)
{
	if (e[0] < 64)
		return 4;
	if (e[0] < 128)
		return 8;
	return e[0] == 240 && left >= 22 ? 22u + e[21] : 0;
}

/* A range is opened by one entry and ended by the next. */
struct range { bool open; uint16_t first; bool aliased; uint16_t as; };

static void end_range(struct iommu_unit_info *u, struct range *r, uint16_t last)
{
	if (!r->open)
		return;
	r->open = false;
	add_scope(u, r->first, last);
	for (unsigned b = r->first; r->aliased && b <= last; b++)
		add_alias(u->seg, (uint16_t)b, r->as);
}

static void device_entry(struct iommu_unit_info *u, const uint8_t *e, struct range *r)
{
	uint16_t bdf = table_u16(e + 1);

	switch (e[0]) {
	case DEV_ALL:
		add_scope(u, 0, 0xffff);
		break;
	case DEV_SELECT:
	case DEV_EXT:
		add_scope(u, bdf, bdf);
		break;
	case DEV_ALIAS:
		add_scope(u, bdf, bdf);
		add_alias(u->seg, bdf, table_u16(e + 5));
		break;
	case DEV_RANGE:
	case DEV_EXT_RANGE:
		*r = (struct range){ true, bdf, false, 0 };
		break;
	case DEV_ALIAS_RANGE:
		*r = (struct range){ true, bdf, true, table_u16(e + 5) };
		break;
	case DEV_END:
		end_range(u, r, bdf);
		break;
	case DEV_SPECIAL:
		add_special(u, e);
		break;
	}
}

static bool same_unit(const struct iommu_unit_info *u, const uint8_t *p)
{
	return u->base == table_u64(p + 8) && u->seg == table_u16(p + 16);
}

/* A unit may be described several times, each time better: the first is enough. */
static void add_unit(const uint8_t *p, uint16_t len)
{
	unsigned head = p[0] == IVHD_10 ? 24 : 40;
	struct iommu_unit_info *u = &iommu_tables.unit[iommu_tables.nr_units];
	struct range r = { .open = false };
	paddr_t base = len >= head ? table_u64(p + 8) : 0;

	for (unsigned i = 0; base && i < iommu_tables.nr_units; i++)
		if (same_unit(&iommu_tables.unit[i], p))
			return;
	if (!base || (base & ~PAGE_MASK) || iommu_tables.nr_units == IOMMU_MAX_UNITS) {
		printk(LOG_WARN "IOMMU: IVRS: the unit at %lx is left out\n", (unsigned long)base);
		return;
	}
	u->bdf = table_u16(p + 4);
	u->cap = table_u16(p + 6);
	u->base = base;
	u->seg = table_u16(p + 16);
	iommu_tables.nr_units++;
	for (unsigned off = head; off + 4 <= len;) {
		unsigned size = entry_size(p + off, len - off);

		if (!size || off + size > len) {
			printk(LOG_WARN "IOMMU: IVRS: a device entry of type %u is bad: the rest is left out\n", p[off]);
			return;
		}
		device_entry(u, p + off, &r);
		off += size;
	}
}

static void add_memory(const uint8_t *p, uint16_t len)
{
	struct iommu_region *r = &iommu_tables.region[iommu_tables.nr_regions];
	uint16_t first, last;
	uint64_t start, size;

	if (len < 32 || !(p[1] & (IVMD_UNITY | IVMD_EXCLUSION)))
		return;
	first = p[0] == IVMD_ALL ? 0 : table_u16(p + 4);
	last = p[0] == IVMD_ALL ? 0xffff : p[0] == IVMD_RANGE ? table_u16(p + 6) : first;
	start = table_u64(p + 16);
	size = table_u64(p + 24);
	if (!size || start + size < start || iommu_tables.nr_regions == IOMMU_MAX_REGIONS) {
		printk(LOG_WARN "IOMMU: IVRS: memory %lx+%lx is left out\n", (unsigned long)start, (unsigned long)size);
		return;
	}
	*r = (struct iommu_region){ 0, first, last, start & PAGE_MASK, ROUNDUP(start + size, PAGE_SIZE) };
	iommu_tables.nr_regions++;
}

void iommu_parse_ivrs(const struct acpi_header *t)
{
	const uint8_t *base = (const uint8_t *)t;

	if (iommu_tables.vendor != IOMMU_NONE || t->length < IVRS_FIRST)
		return;
	iommu_tables.vendor = IOMMU_AMD;
	for (uint32_t off = IVRS_FIRST; off + 4 <= t->length;) {
		const uint8_t *p = base + off;
		uint16_t len = table_u16(p + 2);

		if (len < 4 || len > t->length - off) {
			printk(LOG_WARN "IOMMU: IVRS has a bad part at offset %u\n", off);
			return;
		}
		if (p[0] == IVHD_10 || p[0] == IVHD_11 || p[0] == IVHD_40)
			add_unit(p, len);
		else if (p[0] >= IVMD_ALL && p[0] <= IVMD_RANGE)
			add_memory(p, len);
		off += len;
	}
}
