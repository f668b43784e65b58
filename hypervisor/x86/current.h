/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this CPU runs. Each CPU has one stack of STACK_SIZE bytes, aligned to it; struct cpu_info stands at its top, and the
 * frame of guest registers that an entry from a guest pushes is its first member's place, so that the register frame of the
 * running vCPU is always at the same address of the stack.
 */
#ifndef X86_CURRENT_H
#define X86_CURRENT_H
#include "lib/types.h"
#include "lib/bitmap.h"
#include <xen/xen.h>

#define STACK_SHIFT	15
#define STACK_SIZE	(1ul << STACK_SHIFT)
#define STACK_GUARD_PAGE 4u		/* not mapped; below it the stacks of their own (x86/desc.h), above it the CPU's */

struct vcpu;
struct cpu_info {
	struct cpu_user_regs guest_regs;	/* TSS.rsp0 points just above .ss: hardware pushes ss..rip into it */
	uint32_t cpu;
	uint32_t cr4_guest;			/* of the guest's: TSD, as it is in CR4 now */
	struct vcpu *current;
	uint64_t percpu_offset;
	uint32_t spec_guest;			/* IA32_SPEC_CTRL of the guest, where each crossing writes it (ALT_IBRS) */
	uint16_t spec_host;			/* and the hypervisor's */
	uint16_t verw_sel;			/* a data segment: VERW of it clears buffers (ALT_VERW) */
	uint64_t scratch[4];			/* for entry code */
	/*
	 * Here because every way into and out of a guest looks at them, and each page more that it touches is an entry of the TLB:
	 * the TLB clock when the context in force was last emptied, or before, or TLB_HOST_ONLY (x86/tlb.c); softirqs, a bit
	 * per number, set by any CPU.
	 */
	uint64_t tlb_emptied;
	volatile uint32_t softirq_pending;
	uint32_t pad;
};
static inline struct cpu_info *cpu_info(void)
{
	uint64_t sp;
	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}
#define smp_processor_id()	(cpu_info()->cpu)
#define current			(cpu_info()->current)
#define guest_cpu_user_regs()	(&cpu_info()->guest_regs)

/* Per-CPU variables: defined once in .data.percpu (boot CPU's own copy and the template), an area per CPU thereafter. */
extern uint64_t percpu_offset[NR_CPUS];
#define DEFINE_PER_CPU(type, name)	__section(".data.percpu") __typeof__(type) percpu_##name
#define DECLARE_PER_CPU(type, name)	extern __typeof__(type) percpu_##name
#define per_cpu(name, c)	(*(__typeof__(percpu_##name) *)((char *)&percpu_##name + percpu_offset[c]))
#define this_cpu(name)		(*(__typeof__(percpu_##name) *)((char *)&percpu_##name + cpu_info()->percpu_offset))
DECLARE_PER_CPU(struct cpu_info *, info);	/* where others find a CPU's */
extern cpumask_t cpu_online_map;
extern unsigned nr_cpus_online;
static inline bool cpu_online(unsigned c) { return c < NR_CPUS && cpumask_test_cpu(c, &cpu_online_map); }
#endif
