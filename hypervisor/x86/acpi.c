/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Static ACPI tables. They are the firmware's: every length is checked, a table with a wrong checksum is named and left out.
 * Read early, through the direct map of the first 4 GiB, before the memory allocator exists.
 */
#include "x86/acpi_srat.h"
#include "x86/iommu/unit.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/layout.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "lib/bitmap.h"

#define EARLY_LIMIT	(1ul << 32)
#define TABLE_MAX	(1u << 20)

struct acpi_info acpi;

static uint32_t fadt_flags;
#define FADT_TIMER_32	(1u << 8)
#define FADT_RESET	(1u << 10)
#define FADT_HW_REDUCED	(1u << 20)

static bool checksum_ok(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (n--)
		sum += *b++;
	return sum == 0;
}

static bool rsdp_ok(const struct acpi_rsdp *r)
{
	return memcmp(r->signature, "RSD PTR ", 8) == 0 && checksum_ok(r, 20);
}

static paddr_t search_rsdp(paddr_t start, paddr_t end)
{
	for (paddr_t p = start; p + sizeof(struct acpi_rsdp) <= end; p += 16)
		if (rsdp_ok(pa_to_va(p)))
			return p;
	return 0;
}

static paddr_t find_rsdp(paddr_t hint)
{
	paddr_t ebda, found;

	if (hint && hint < EARLY_LIMIT - PAGE_SIZE && rsdp_ok(pa_to_va(hint)))
		return hint;
	ebda = (paddr_t)*(const uint16_t *)pa_to_va(0x40e) << 4;
	if (ebda >= 0x80000 && ebda < 0xa0000) {
		found = search_rsdp(ebda, MIN(ebda + 1024, 0xa0000ul));
		if (found)
			return found;
	}
	return search_rsdp(0xe0000, 0x100000);
}

/* NULL: out of reach, too long, or damaged; said in the log. */
static const struct acpi_header *map_table(paddr_t pa)
{
	const struct acpi_header *h = pa_to_va(pa);
	char name[5] = "";

	if (!pa || pa >= EARLY_LIMIT - TABLE_MAX) {
		printk(LOG_WARN "ACPI: table at %lx is out of reach: left out\n", (unsigned long)pa);
		return NULL;
	}
	memcpy(name, h->signature, 4);
	if (h->length < sizeof(*h) || h->length > TABLE_MAX || !checksum_ok(h, h->length)) {
		printk(LOG_WARN "ACPI: table %s at %lx is damaged: left out\n", name, (unsigned long)pa);
		return NULL;
	}
	return h;
}

void acpi_for_each_sub(const struct acpi_header *t, uint32_t offset, void (*fn)(const struct acpi_sub *s))
{
	while (offset + sizeof(struct acpi_sub) <= t->length) {
		const struct acpi_sub *s = (const void *)((const char *)t + offset);

		if (s->length < sizeof(*s) || offset + s->length > t->length) {
			printk(LOG_WARN "ACPI: %.4s has a bad part at offset %u\n", t->signature, offset);
			return;
		}
		fn(s);
		offset += s->length;
	}
}

static void add_cpu(uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
	if (!(flags & 1))
		return;
	for (unsigned i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu_apic_id[i] == apic_id)
			return;
	if (acpi.nr_cpus == ARRAY_SIZE(acpi.cpu_apic_id)) {
		printk(LOG_WARN "ACPI: more CPUs than %zu: APIC id %u is left out\n", ARRAY_SIZE(acpi.cpu_apic_id), apic_id);
		return;
	}
	acpi.cpu_apic_id[acpi.nr_cpus] = apic_id;
	acpi.cpu_acpi_id[acpi.nr_cpus++] = acpi_id;
}

static void add_ioapic(uint32_t id, paddr_t base, uint32_t gsi_base)
{
	if (acpi.nr_ioapics == ARRAY_SIZE(acpi.ioapic) || gsi_base > 4096) {
		printk(LOG_WARN "ACPI: IO-APIC %u is left out\n", id);
		return;
	}
	acpi.ioapic[acpi.nr_ioapics].id = id;
	acpi.ioapic[acpi.nr_ioapics].base = base;
	acpi.ioapic[acpi.nr_ioapics++].gsi_base = gsi_base;
}

/* An override of an ISA line: polarity in bits 0..1, trigger in 2..3 (ACPI 5.2.12.5); "conforms" is edge and high. */
static void add_override(uint8_t source, uint32_t gsi, uint16_t flags)
{
	if (source >= ARRAY_SIZE(acpi.isa_irq) || gsi > 0xff)
		return;
	acpi.isa_irq[source].present = true;
	acpi.isa_irq[source].gsi = gsi;
	acpi.isa_irq[source].low = (flags & 3) == 3;
	acpi.isa_irq[source].level = (flags >> 2 & 3) == 3;
}

static void madt_part(const struct acpi_sub *s)
{
	const char *p = (const char *)s;

	switch (s->type) {
	case 0:
		if (s->length >= 8)
			add_cpu((uint8_t)p[3], (uint8_t)p[2], table_u32(p + 4));
		break;
	case 1:
		if (s->length >= 12)
			add_ioapic((uint8_t)p[2], table_u32(p + 4), table_u32(p + 8));
		break;
	case 2:
		if (s->length >= 10)
			add_override(p[3], table_u32(p + 4), table_u16(p + 8));
		break;
	case 5:
		if (s->length >= 12)
			acpi.lapic_base = table_u64(p + 4);
		break;
	case 9:
		if (s->length >= 16)
			add_cpu(table_u32(p + 4), table_u32(p + 12), table_u32(p + 8));
		break;
	}
}

static void parse_madt(const struct acpi_header *t)
{
	if (t->length < 44)
		return;
	acpi.lapic_base = table_u32((const char *)t + 36);
	acpi_for_each_sub(t, 44, madt_part);
}

static uint8_t fadt_u8(const struct acpi_header *t, unsigned off)
{
	return off < t->length ? ((const uint8_t *)t)[off] : 0;
}

static uint32_t fadt_u32(const struct acpi_header *t, unsigned off)
{
	return off + 4 <= t->length ? table_u32((const char *)t + off) : 0;
}

/* A port from the extended block where that is one, else from the old field. */
static uint16_t fadt_port(const struct acpi_header *t, unsigned old, unsigned extended)
{
	struct acpi_gas g;

	if (extended + sizeof(g) <= t->length) {
		memcpy(&g, (const char *)t + extended, sizeof(g));
		if (g.space == GAS_IO && g.address && g.address < 0x10000)
			return g.address;
	}
	return fadt_u32(t, old);
}

static void parse_reset_register(const struct acpi_header *t)
{
	struct acpi_gas g;

	if (!(fadt_flags & FADT_RESET) || t->length < 129)
		return;
	memcpy(&g, (const char *)t + 116, sizeof(g));
	acpi.reset_value = fadt_u8(t, 128);
	if (g.space == GAS_IO && g.address < 0x10000)
		acpi.reset_port = g.address;
	else if (g.space == GAS_MEMORY)
		acpi.reset_mem = g.address;
}

static void parse_fadt(const struct acpi_header *t)
{
	if (t->length < 116)
		return;
	fadt_flags = fadt_u32(t, 112);
	acpi.sci_irq = table_u16((const char *)t + 46);
	if (!(fadt_flags & FADT_HW_REDUCED)) {
		acpi.pm1a_cnt = fadt_port(t, 64, 172);
		acpi.pm1b_cnt = fadt_port(t, 68, 184);
		acpi.pm_timer_port = fadt_port(t, 76, 208);
		acpi.pm_timer_32bit = fadt_flags & FADT_TIMER_32;
	}
	parse_reset_register(t);
}

static void parse_hpet(const struct acpi_header *t)
{
	struct acpi_gas g;

	if (t->length < 56 || acpi.hpet_base)
		return;
	memcpy(&g, (const char *)t + 40, sizeof(g));
	if (g.space == GAS_MEMORY)
		acpi.hpet_base = g.address;
}

static void parse_mcfg(const struct acpi_header *t)
{
	for (uint32_t off = 44; off + 16 <= t->length; off += 16) {
		const char *p = (const char *)t + off;

		if (acpi.nr_mcfg == ARRAY_SIZE(acpi.mcfg)) {
			printk(LOG_WARN "ACPI: more MMCFG ranges than %zu\n", ARRAY_SIZE(acpi.mcfg));
			return;
		}
		if ((uint8_t)p[10] > (uint8_t)p[11])
			continue;
		acpi.mcfg[acpi.nr_mcfg].base = table_u64(p);
		acpi.mcfg[acpi.nr_mcfg].seg = table_u16(p + 8);
		acpi.mcfg[acpi.nr_mcfg].start_bus = p[10];
		acpi.mcfg[acpi.nr_mcfg++].end_bus = p[11];
	}
}

static const struct { char signature[5]; void (*parse)(const struct acpi_header *t); } parsers[] = {
	/* SRAT names CPUs of the MADT, SLIT nodes of the SRAT: in this order. */
	{ "APIC", parse_madt }, { "FACP", parse_fadt }, { "HPET", parse_hpet }, { "MCFG", parse_mcfg },
	{ "SRAT", acpi_parse_srat }, { "SLIT", acpi_parse_slit },
	{ "DMAR", iommu_acpi_dmar }, { "IVRS", iommu_acpi_ivrs },
};

static paddr_t root_entry(const struct acpi_header *root, bool wide, unsigned i)
{
	const char *p = (const char *)root + sizeof(*root);

	return wide ? table_u64(p + 8 * i) : table_u32(p + 4 * i);
}

static void parse_root(const struct acpi_header *root, bool wide)
{
	unsigned n = (root->length - sizeof(*root)) / (wide ? 8 : 4);

	for (unsigned k = 0; k < ARRAY_SIZE(parsers); k++)
		for (unsigned i = 0; i < n; i++) {
			paddr_t pa = root_entry(root, wide, i);
			const struct acpi_header *t;

			if (!pa || pa >= EARLY_LIMIT - TABLE_MAX || memcmp(pa_to_va(pa), parsers[k].signature, 4) != 0)
				continue;
			t = map_table(pa);
			if (t)
				parsers[k].parse(t);
		}
}

void acpi_init(paddr_t rsdp_hint)
{
	const struct acpi_header *root = NULL;
	const struct acpi_rsdp *r;
	bool wide = false;

	acpi.rsdp = find_rsdp(rsdp_hint);
	if (!acpi.rsdp) {
		printk(LOG_ERR "ACPI: no RSDP found: one CPU, no IO-APIC\n");
		return;
	}
	r = pa_to_va(acpi.rsdp);
	if (r->revision >= 2 && r->xsdt && checksum_ok(r, sizeof(*r))) {
		root = map_table(r->xsdt);
		wide = root != NULL;
	}
	if (!root)
		root = map_table(r->rsdt);
	if (!root)
		return;
	parse_root(root, wide);
	printk(LOG_INFO "ACPI: RSDP at %lx: %u CPUs, %u IO-APICs, %u MMCFG ranges, %u nodes\n", (unsigned long)acpi.rsdp,
	       acpi.nr_cpus, acpi.nr_ioapics, acpi.nr_mcfg, acpi.nr_nodes);
}

/* Bits of PM1_CNT that the caller may set: SLP_TYP and SLP_EN; the rest is kept (ACPI 4.8.3.2.1). */
#define PM1_SLP_MASK	0x3c00u
#define PM1_SLP_EN	0x2000u

int acpi_enter_sleep(unsigned state, uint16_t pm1a, uint16_t pm1b)
{
	if (state < 1 || state > 5)
		return -EINVAL;
	if (!acpi.pm1a_cnt)
		return -ENODEV;
	/* Only power-off: a suspended machine would need all CPUs and devices saved, which is not done. */
	if (state != 5)
		return -EOPNOTSUPP;
	outw(acpi.pm1a_cnt, (inw(acpi.pm1a_cnt) & ~PM1_SLP_MASK) | (pm1a & PM1_SLP_MASK) | PM1_SLP_EN);
	if (acpi.pm1b_cnt)
		outw(acpi.pm1b_cnt, (inw(acpi.pm1b_cnt) & ~PM1_SLP_MASK) | (pm1b & PM1_SLP_MASK) | PM1_SLP_EN);
	return 0;
}
