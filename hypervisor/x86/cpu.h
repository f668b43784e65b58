/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features of the host's CPUs and what the hypervisor makes of them; start of the other CPUs. */
#ifndef X86_CPU_H
#define X86_CPU_H
#include "x86/alternative.h"
#include "x86/current.h"
#include "x86/reboot.h"
#include "x86/tlb.h"
#include "x86/traps.h"
#include "x86/xstate.h"
struct cpuid_leaf { uint32_t a, b, c, d; };
static inline struct cpuid_leaf cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid_leaf r;
	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}
/* Set once on the boot CPU; the same on all. */
extern struct cpu_features {
	bool nx, smep, smap, umip, pcid, invpcid, fsgsbase, xsave, xsaveopt, x2apic, tsc_deadline;
	bool pge, gbpages, rdtscp, inv_tsc, arat, mwait;
	bool amd, intel;
	uint32_t family, model, stepping, max_leaf, max_ext_leaf, phys_bits, virt_bits;
	uint64_t xcr0;		/* the states that guests may use */
	uint32_t xstate_size;	/* bytes of the xsave area for xcr0 (at least 576) */
} host_cpu;
extern uint64_t host_cr4;		/* CR4 while a guest or the hypervisor runs */
void cpu_early_init(void);		/* boot CPU: features, CR0/CR4/EFER, IDT; before memory */
void cpu_late_init(void);		/* boot CPU: after the heap: per-CPU areas, mitigations log */
void smp_boot_cpus(unsigned maxcpus);	/* starts all others; each ends in idle_loop (sched/ registers it) */
/* Starts one more, or again, at any time; it ends in idle_loop. One at a time, interrupts on. -EINVAL, -ENOMEM, -EIO */
int smp_start_cpu(unsigned cpu);
/* This CPU, which is in no mask any more and has nothing left to do, is off from *gone = true on. Interrupts off. */
void smp_stop_cpu(volatile bool *gone) __noreturn;
extern void (*x86_cpu_guest_setup)(unsigned cpu);	/* upward: pv/ sets it; on each CPU that starts, before it is online */
extern void (*cpu_idle_entry)(void);	/* upward: set by sched/ before smp_boot_cpus; never returns */
/* Topology for sysctl: apic id, core, socket, node of a CPU */
struct cpu_topology { uint32_t apic_id, core, socket, node; };
extern struct cpu_topology cpu_topology[NR_CPUS];
/* Runs fn(arg) on each CPU of mask (self included) with interrupts off; waits for all when 'wait'. Interrupts on; no locks
 * that a handler takes. Not from interrupt context. */
void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait);
void smp_send_event_check(unsigned cpu);		/* makes the CPU look at its softirqs */
void smp_send_event_check_mask(const cpumask_t *mask);
/*
 * Flush the context in force on each CPU of mask (self included): all but global entries, or one address. Contexts that are not in
 * force are flushed by tlb_owe, before the mask is read (x86/tlb.h; domain_flush_tlb does both).
 */
void flush_tlb_mask(const cpumask_t *mask, unsigned flags);
void flush_tlb_one_mask(const cpumask_t *mask, uint64_t va);
/* Bases of FS and GS of the mode in force: by instruction where the CPU has FSGSBASE (CR4 has it on), else by MSR. */
static inline uint64_t read_fs_base(void)
{
	uint64_t v;

	if (!host_cpu.fsgsbase)
		return rdmsr(MSR_FS_BASE);
	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}
static inline uint64_t read_gs_base(void)
{
	uint64_t v;

	if (!host_cpu.fsgsbase)
		return rdmsr(MSR_GS_BASE);
	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}
static inline void write_fs_base(uint64_t v)
{
	if (host_cpu.fsgsbase)
		__asm__ volatile("wrfsbase %0" :: "r"(v));
	else
		wrmsr(MSR_FS_BASE, v);
}
static inline void write_gs_base(uint64_t v)
{
	if (host_cpu.fsgsbase)
		__asm__ volatile("wrgsbase %0" :: "r"(v));
	else
		wrmsr(MSR_GS_BASE, v);
}
/* User-access windows for SMAP: no-ops where the CPU has none, and until alternatives_apply. */
extern bool smap_on;
static inline void stac(void) { ALTERNATIVE_3(ALT_SMAP, "0x0f, 0x01, 0xcb"); }
static inline void clac(void) { ALTERNATIVE_3(ALT_SMAP, "0x0f, 0x01, 0xca"); }
#endif
