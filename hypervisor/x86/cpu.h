/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features of the host's CPUs and what the hypervisor makes of them; start of the other CPUs. */
#ifndef X86_CPU_H
#define X86_CPU_H
#include "x86/current.h"
struct cpuid_leaf { uint32_t a, b, c, d; };
static inline struct cpuid_leaf cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid_leaf r;
	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}
/* Set once on the boot CPU; the same on all. */
extern struct cpu_features {
	bool nx, smep, smap, umip, pcid, invpcid, fsgsbase, xsave, xsaveopt, x2apic, tsc_deadline, pge, gbpages, rdtscp, inv_tsc, arat, mwait;
	bool amd, intel;
	uint32_t family, model, stepping, max_leaf, max_ext_leaf, phys_bits, virt_bits;
	uint64_t xcr0;		/* the states that guests may use */
	uint32_t xstate_size;	/* bytes of the xsave area for xcr0 (at least 576) */
} host_cpu;
extern uint64_t host_cr4;		/* CR4 while a guest or the hypervisor runs */
void cpu_early_init(void);		/* boot CPU: features, CR0/CR4/EFER, IDT; before memory */
void cpu_late_init(void);		/* boot CPU: after the heap: per-CPU areas, mitigations log */
void smp_boot_cpus(unsigned maxcpus);	/* starts all others; each ends in idle_loop (sched/ registers it) */
extern void (*cpu_idle_entry)(void);	/* upward: set by sched/ before smp_boot_cpus; never returns */
/* Topology for sysctl: apic id, core, socket, node of a CPU */
struct cpu_topology { uint32_t apic_id, core, socket, node; };
extern struct cpu_topology cpu_topology[NR_CPUS];
/* Runs fn(arg) on each CPU of mask (self included) with interrupts off; waits for all when 'wait'. Interrupts on; no locks
 * that a handler takes. Not from interrupt context. */
void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait);
void smp_send_event_check(unsigned cpu);		/* makes the CPU look at its softirqs */
void smp_send_event_check_mask(const cpumask_t *mask);
/* Invalidate TLBs. flush_tlb_mask: everything but global entries on each CPU of mask (self included). */
#define FLUSH_GLOBAL 1u		/* global entries too */
void flush_tlb_local(unsigned flags);
void flush_tlb_one_local(uint64_t va);
void flush_tlb_mask(const cpumask_t *mask, unsigned flags);
void flush_tlb_one_mask(const cpumask_t *mask, uint64_t va);
/* TLB clock (as in x86/tlb.c): counts full flushes; a frame last used at stamp s is clean on cpu when tlb_cpu_time(cpu) > s. */
uint32_t tlb_clock(void);
/* Removes from mask the CPUs that have flushed everything since stamp. */
void tlb_filter(cpumask_t *mask, uint32_t stamp);
/* User-access windows for SMAP: no-ops where the CPU has none. */
extern bool smap_on;
static inline void stac(void) { if (smap_on) __asm__ volatile(".byte 0x0f,0x01,0xcb" ::: "memory"); }
static inline void clac(void) { if (smap_on) __asm__ volatile(".byte 0x0f,0x01,0xca" ::: "memory"); }
/* Extended state (x86/xstate.c): area of host_cpu.xstate_size bytes, 64-byte aligned. */
void *xstate_alloc(void);
void xstate_free(void *area);
void xstate_save(void *area);		/* of the vCPU leaving; XCR0 must be host_cpu.xcr0 */
void xstate_restore(const void *area, uint64_t guest_xcr0);	/* sanitized area; loads XCR0 = guest_xcr0 after */
void xstate_reset(void *area);		/* FPU initial state */
int xstate_sanitize(void *area);	/* -EINVAL: the header names states that host_cpu.xcr0 lacks, or reserved bits */
void machine_restart(void) __noreturn;	/* reset: ACPI, keyboard controller, triple fault */
void machine_halt(void) __noreturn;
void machine_power_off(void) __noreturn;	/* falls back to halt */
#endif
