/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine of one CPU for the whole of the hypervisor but x86/ and the mapping of memory: its RAM, frame table, registers and
 * clock are machine.c's. Included before everything, in the hypervisor's files and the fuzzers.
 */
#ifndef HOST_MACHINE_H
#define HOST_MACHINE_H
#include "x86/layout.h"
#include "x86/page.h"
#include "x86/current.h"
#include "mem/frame.h"
#include "x86/traps.h"
#include "sched/preempt.h"

#define HOST_FRAMES 4096u
extern unsigned char host_ram[][PAGE_SIZE];
extern struct frame host_frames[];
extern uint64_t host_m2p[];
extern struct vcpu *host_current;
extern struct cpu_user_regs host_regs;
bool host_preempt(void);

#undef frame_table
#define frame_table host_frames
#undef m2p_table
#define m2p_table host_m2p
#define pa_to_va(pa) ((void *)&host_ram[(pa) >> PAGE_SHIFT][(pa) & ~PAGE_MASK])
#define mfn_to_va(m) ((void *)host_ram[(m).n])
#define va_to_pa(va) ((uint64_t)((uintptr_t)(va) - (uintptr_t)host_ram))
#define va_to_mfn(va) MFN(va_to_pa(va) >> PAGE_SHIFT)
#define frame_of(m) (&host_frames[(m).n])
#define frame_mfn(f) MFN((uint64_t)((f) - host_frames))
#define frame_va(f) ((void *)host_ram[(f) - host_frames])
#undef current
#define current host_current
#undef guest_cpu_user_regs
#define guest_cpu_user_regs() (&host_regs)
extern struct cpu_info host_cpu_info;
#define cpu_info() (&host_cpu_info)
#undef smp_processor_id
#define smp_processor_id() 0u
#undef this_cpu
#define this_cpu(name) percpu_##name
#undef per_cpu
#define per_cpu(name, c) (*((void)(c), &percpu_##name))
#define hypercall_preempt_check() host_preempt()
#define irq_save() 0ul
#define irq_restore(f) ((void)(f))
#define spin_lock_irqsave(l) (spin_lock(l), 0ul)
#define spin_unlock_irqrestore(l, f) ((void)(f), spin_unlock(l))
/* The few words of traps, by the copies that the machine makes up. */
#define GMEM_GUEST_WORDS_H
size_t __must_check guest_copy_in(void *dst, const void *guest_src, size_t n);
size_t __must_check guest_copy_out(void *guest_dst, const void *src, size_t n);
#define guest_words_in(words, from, n) (!guest_copy_in((words), (const void *)(from), (n) * 8ul))
#define guest_words_out(to, words, n) (!guest_copy_out((void *)(to), (words), (n) * 8ul))
/* Nobody else runs: a lock that is taken stays so. */
void host_stuck(void);
#define __builtin_ia32_pause() host_stuck()
#define rdmsr(m) ((void)(m), 0ull)
#define wrmsr(m, v) ((void)(m), (void)(v))
#define read_cr0() 0x80050033ul
#define read_cr4() 0x000006b0ul
#define write_cr0(v) ((void)(v))
#endif
