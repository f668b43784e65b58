/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static ACPI tables: what the hypervisor takes from them. AML is dom0's. */
#ifndef X86_ACPI_H
#define X86_ACPI_H
#include "lib/types.h"
void acpi_init(paddr_t rsdp_hint);	/* 0: search; reads the tables of acpi.c; bad ones are named and left out */
extern struct acpi_info {
	paddr_t rsdp;
	paddr_t lapic_base, hpet_base;
	uint16_t pm_timer_port; bool pm_timer_32bit;
	uint16_t pm1a_cnt, pm1b_cnt; uint16_t sci_irq;
	uint16_t reset_port; uint8_t reset_value;	/* 0: none */
	uint64_t reset_mem;
	unsigned nr_cpus; uint32_t cpu_apic_id[256]; uint32_t cpu_acpi_id[256]; uint8_t cpu_node[256];
	unsigned nr_ioapics; struct { uint32_t id, gsi_base; paddr_t base; } ioapic[32];
	struct { uint8_t gsi; bool level, low, present; } isa_irq[16];
	unsigned nr_mcfg; struct { paddr_t base; uint16_t seg; uint8_t start_bus, end_bus; } mcfg[16];
	unsigned nr_nodes; uint32_t node_pxm[64]; uint8_t distance[64][64];
	unsigned nr_mem_affinity; struct { paddr_t start, end; uint8_t node; } mem[128];
} acpi;
/*
 * Writes the PM1 control registers with the values that dom0 took from its AML (platform_op enter_acpi_sleep). Only S5.
 * -EINVAL: no such state; -EOPNOTSUPP: S1..S4; -ENODEV: no such registers. Returns 0 if the machine has not gone off yet.
 */
int acpi_enter_sleep(unsigned state, uint16_t pm1a, uint16_t pm1b);
#endif
