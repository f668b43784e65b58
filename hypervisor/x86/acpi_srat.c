/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUMA: SRAT (which CPU and which memory lies near which) and SLIT (how far). Source: ACPI 6.4, 5.2.16 and 5.2.17. */
#include "x86/acpi_srat.h"
#include "lib/panic.h"

#define NODE_NONE 0xff

/* The node of a proximity domain, made when first seen; NODE_NONE: too many. */
static uint8_t node_of(uint32_t pxm)
{
	for (unsigned i = 0; i < acpi.nr_nodes; i++)
		if (acpi.node_pxm[i] == pxm)
			return i;
	if (acpi.nr_nodes == ARRAY_SIZE(acpi.node_pxm)) {
		printk(LOG_WARN "ACPI: more NUMA nodes than %zu: domain %u is left out\n", ARRAY_SIZE(acpi.node_pxm), pxm);
		return NODE_NONE;
	}
	acpi.node_pxm[acpi.nr_nodes] = pxm;
	return acpi.nr_nodes++;
}

static void set_cpu_node(uint32_t apic_id, uint32_t pxm)
{
	uint8_t node = node_of(pxm);

	for (unsigned i = 0; node != NODE_NONE && i < acpi.nr_cpus; i++)
		if (acpi.cpu_apic_id[i] == apic_id)
			acpi.cpu_node[i] = node;
}

static void add_memory(paddr_t start, uint64_t size, uint32_t pxm)
{
	uint8_t node = size ? node_of(pxm) : NODE_NONE;

	if (node == NODE_NONE || start + size < start)
		return;
	if (acpi.nr_mem_affinity == ARRAY_SIZE(acpi.mem)) {
		printk(LOG_WARN "ACPI: too many memory ranges in SRAT\n");
		return;
	}
	acpi.mem[acpi.nr_mem_affinity].start = start;
	acpi.mem[acpi.nr_mem_affinity].end = start + size;
	acpi.mem[acpi.nr_mem_affinity++].node = node;
}

static void srat_part(const struct acpi_sub *s)
{
	const uint8_t *p = (const uint8_t *)s;

	if (s->type == 0 && s->length >= 16 && (table_u32(p + 4) & 1))
		set_cpu_node(p[3], p[2] | p[9] << 8 | p[10] << 16 | (uint32_t)p[11] << 24);
	else if (s->type == 1 && s->length >= 40 && (table_u32(p + 28) & 1))
		add_memory(table_u64(p + 8), table_u64(p + 16), table_u32(p + 2));
	else if (s->type == 2 && s->length >= 24 && (table_u32(p + 12) & 1))
		set_cpu_node(table_u32(p + 8), table_u32(p + 4));
}

void acpi_parse_srat(const struct acpi_header *t)
{
	if (t->length >= 48)
		acpi_for_each_sub(t, 48, srat_part);
}

void acpi_parse_slit(const struct acpi_header *t)
{
	const uint8_t *d = (const uint8_t *)t + 44;
	uint64_t n = t->length >= 44 ? table_u64((const char *)t + 36) : 0;

	/* Its rows are numbered by proximity domain. */
	if (!n || n > 256 || 44 + n * n > t->length)
		return;
	for (unsigned i = 0; i < acpi.nr_nodes; i++)
		for (unsigned j = 0; j < acpi.nr_nodes; j++)
			if (acpi.node_pxm[i] < n && acpi.node_pxm[j] < n)
				acpi.distance[i][j] = d[acpi.node_pxm[i] * n + acpi.node_pxm[j]];
}
