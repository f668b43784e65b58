/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions and interrupts of the host. The stubs in x86/entry.S build a struct cpu_user_regs (public layout) and call
 * the C handlers; an exception that comes from ring 3 (a PV guest) goes to the guest_trap_ops that pv/ registers.
 */
#ifndef X86_TRAPS_H
#define X86_TRAPS_H
#include "x86/current.h"
#define TRAP_DE 0
#define TRAP_DB 1
#define TRAP_NMI 2
#define TRAP_BP 3
#define TRAP_OF 4
#define TRAP_BR 5
#define TRAP_UD 6
#define TRAP_NM 7
#define TRAP_DF 8
#define TRAP_TS 10
#define TRAP_NP 11
#define TRAP_SS 12
#define TRAP_GP 13
#define TRAP_PF 14
#define TRAP_MF 16
#define TRAP_AC 17
#define TRAP_MC 18
#define TRAP_XM 19
#define PFEC_P (1u << 0)
#define PFEC_W (1u << 1)
#define PFEC_U (1u << 2)
#define PFEC_RSVD (1u << 3)
#define PFEC_I (1u << 4)
#define guest_mode(r) (((r)->cs & 3) == 3)

/* Upward: pv/traps.c registers these. Called with interrupts as the stub found them to be safe (off for #PF, #DB, NMI). */
struct guest_trap_ops {
	void (*exception)(struct cpu_user_regs *regs);		/* any vector 0..31 taken in ring 3; regs->entry_vector */
	/* A fault in the hypervisor on a guest address or a per-domain mapping: true if mended and to be retried. */
	bool (*hypervisor_fault)(struct cpu_user_regs *regs, uint64_t cr2);
	void (*soft_int)(struct cpu_user_regs *regs);		/* int 0x80: direct vector */
};
extern const struct guest_trap_ops *guest_traps;

/* Exception table: 'fault' continues at 'fixup'. EX_TABLE(from, to) is for asm; both are .long offsets from their own place. */
#define EX_TABLE(from, to) ".section .ex_table,\"a\"\n .balign 4\n .long " #from " - ., " #to " - .\n .previous\n"
/* The address to go on at, or 0. */
uint64_t extable_lookup(uint64_t rip);
void show_registers(const struct cpu_user_regs *regs);	/* printk; any context */
void show_call_trace(uint64_t rsp, uint64_t rip);
/* Per-CPU GDT page (the guest-visible entries 0xe000..): selectors */
#define HV_CS	0xe008
#define HV_DS	0xe010
#define GUEST_DS32 0xe02b
#define GUEST_CS32 0xe023
#define GUEST_CS64 0xe033
#define TSS_SEL	0xe040
#define LDT_SEL	0xe050
#define PER_CPU_GDT_SEL 0xe060
/* The CPU's page of reserved GDT entries (index 7168..7679), to be mapped as page 14 of each vCPU's GDT window. */
mfn_t cpu_gdt_mfn(unsigned cpu);
/* Sets TSS.rsp0 (never changes after CPU start), loads IDT and TSS of this CPU. */
void cpu_load_tables(void);
/* Loads the LDT descriptor of this CPU's GDT page and the LDT register; ents 0 loads a null LDT. */
void cpu_load_ldt(uint64_t base, unsigned ents);
void cpu_set_gdt(uint64_t base, unsigned limit_bytes);	/* lgdt */
/* Debug registers, MSRs */
static inline uint64_t rdmsr(uint32_t m)
{
	uint32_t a, d;
	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(m));
	return a | (uint64_t)d << 32;
}
static inline void wrmsr(uint32_t m, uint64_t v)
{
	__asm__ volatile("wrmsr" :: "c"(m), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
int rdmsr_safe(uint32_t m, uint64_t *v);	/* -EFAULT on #GP */
int wrmsr_safe(uint32_t m, uint64_t v);
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SYSCALL_MASK	0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103
#define MSR_APIC_BASE		0x1b
#define MSR_PAT			0x277
#endif
