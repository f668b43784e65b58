/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of a CPU's start that x86/ keeps to itself. */
#ifndef X86_CPU_SETUP_H
#define X86_CPU_SETUP_H
#include "x86/cpu.h"

/* The initial APIC id of the CPU that runs this. */
uint32_t cpu_initial_apic_id(void);
/* CR0, CR4, EFER, PAT and XCR0 of the CPU that runs this; features must be known. */
void cpu_setup_registers(void);
/* Core and socket of the CPU that runs this, into cpu_topology. */
void cpu_detect_topology(void);

#define CR0_MP	(1ul << 1)
#define CR0_EM	(1ul << 2)
#define CR0_TS	(1ul << 3)
#define CR0_NE	(1ul << 5)
#define CR0_WP	(1ul << 16)
#define CR0_AM	(1ul << 18)
#define CR4_TSD		(1ul << 2)
#define CR4_DE		(1ul << 3)
#define CR4_PAE		(1ul << 5)
#define CR4_MCE		(1ul << 6)
#define CR4_PGE		(1ul << 7)
#define CR4_OSFXSR	(1ul << 9)
#define CR4_OSXMMEXCPT	(1ul << 10)
#define CR4_UMIP	(1ul << 11)
#define CR4_FSGSBASE	(1ul << 16)
#define CR4_PCIDE	(1ul << 17)
#define CR4_OSXSAVE	(1ul << 18)
#define CR4_SMEP	(1ul << 20)
#define CR4_SMAP	(1ul << 21)
#define EFER_SCE	(1ul << 0)
#define EFER_NXE	(1ul << 11)
#define EFER_AIBRSE	(1ul << 21)
#define XEN_PAT		0x050100070406ul	/* WB WT UC- UC WC WP: what PV guests are told (xen/arch-x86 ABI) */
#endif
