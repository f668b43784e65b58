// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_acpi.h x86/acpi.c x86/acpi_srat.c x86/iommu/dmar.c x86/iommu/ivrs.c x86/iommu/tables.c lib/string.c
/*
 * The firmware's static tables, in a memory that is the input from the BIOS area on and zeros elsewhere. Checksums are
 * mended, so that it is not them that stop the input. Nothing is read outside the four GiB that are mapped that early, and the
 * tables of CPUs, IO-APICs, nodes come out within their bounds.
 */
#include <sys/mman.h>
#include "fuzz.h"
#include "x86/iommu/tables.h"
#include "x86/iommu/unit.h"

#define BIOS 0xe0000ul
#define EARLY (1ul << 32)

static uint8_t *memory;		/* the first 4 GiB; what is untouched reads as zero */

void printk(const char *fmt, ...) { (void)fmt; }
void iommu_acpi_dmar(const struct acpi_header *t) { iommu_parse_dmar(t); }
void iommu_acpi_ivrs(const struct acpi_header *t) { iommu_parse_ivrs(t); }
const void *fuzz_memory(uint64_t pa)
{
	return pa < EARLY ? memory + pa : NULL;	/* an address may be made, but not used */
}

static void mend_sum(uint8_t *at, size_t n, size_t where, size_t limit)
{
	uint8_t sum = 0;

	if (n > limit || where >= n)
		return;
	at[where] = 0;
	for (size_t i = 0; i < n; i++)
		sum += at[i];
	at[where] = -sum;
}

/* The RSDP is at the start of the input; every table that it leads to inside the input gets a right sum. */
static void mend_table(uint64_t pa, size_t size)
{
	struct acpi_header *h = (void *)(memory + pa);

	if (pa >= BIOS && pa < BIOS + size && size - (pa - BIOS) >= sizeof(*h))
		mend_sum((uint8_t *)h, table_u32(&h->length), 9, size - (pa - BIOS));
}

static void mend(size_t size)
{
	struct acpi_rsdp *r = (void *)(memory + BIOS);
	uint64_t roots[] = { r->rsdt, r->xsdt };

	for (unsigned k = 0; k < 2; k++) {
		uint8_t *root = memory + roots[k];

		if (roots[k] < BIOS || roots[k] >= BIOS + size)
			continue;
		for (unsigned i = 0; i < 16; i++)
			mend_table(k ? table_u64(root + 36 + 8 * i) : table_u32(root + 36 + 4 * i), size);
		mend_table(roots[k], size);
	}
	mend_sum((uint8_t *)r, 20, 8, size);
	mend_sum((uint8_t *)r, 36, 32, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 64 || size > 0x10000)
		return 0;
	if (!memory)
		memory = mmap(NULL, EARLY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(memory != MAP_FAILED);
	memcpy(memory + BIOS, data, size);
	memcpy(memory + BIOS, "RSD PTR ", 8);
	mend(size);
	memset(&acpi, 0, sizeof(acpi));
	memset(&iommu_tables, 0, sizeof(iommu_tables));
	acpi_init(0);
	CHECK(iommu_tables.nr_units <= IOMMU_MAX_UNITS && iommu_tables.nr_regions <= IOMMU_MAX_REGIONS &&
	      iommu_tables.nr_aliases <= IOMMU_MAX_ALIASES && iommu_tables.nr_ioapics <= IOMMU_MAX_IOAPICS);
	CHECK(acpi.nr_cpus <= 256 && acpi.nr_ioapics <= 32 && acpi.nr_mcfg <= 16 && acpi.nr_nodes <= 64);
	CHECK(acpi.nr_mem_affinity <= 128);
	for (unsigned i = 0; i < acpi.nr_cpus; i++) {
		CHECK(acpi.cpu_node[i] < 64);
		for (unsigned k = 0; k < i; k++)
			CHECK(acpi.cpu_apic_id[i] != acpi.cpu_apic_id[k]);
	}
	for (unsigned i = 0; i < acpi.nr_mem_affinity; i++)
		CHECK(acpi.mem[i].start < acpi.mem[i].end && acpi.mem[i].node < acpi.nr_nodes);
	for (unsigned i = 0; i < acpi.nr_mcfg; i++)
		CHECK(acpi.mcfg[i].start_bus <= acpi.mcfg[i].end_bus);
	memset(memory + BIOS, 0, size);
	return 0;
}
