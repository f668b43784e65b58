/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of code that works on guests' frames: the direct map, the frame table, the current vCPU and the question whether to
 * give way are the test's own. Included before everything, in the hypervisor's files and in the test.
 */
#ifndef HOST_GUEST_H
#define HOST_GUEST_H
/* A thread that waits for a lock lets the others run: there may be fewer CPUs than threads, and locks go in order. */
extern int sched_yield(void);
#define __builtin_ia32_pause() sched_yield()
#include "x86/layout.h"
#include "x86/current.h"
#include "mem/frame.h"

extern unsigned char host_ram[][PAGE_SIZE];
extern struct frame host_frames[];
extern uint64_t host_m2p[];
extern __thread struct vcpu *host_current;	/* of this thread, which plays a CPU */
bool host_preempt(void);

#undef frame_table
#define frame_table host_frames
#undef m2p_table
#define m2p_table host_m2p
#define m2p_get(m) (host_m2p[(m).n])
#define pa_to_va(pa) ((void *)&host_ram[(pa) >> PAGE_SHIFT][(pa) & ~PAGE_MASK])
#define mfn_to_va(m) ((void *)host_ram[(m).n])
#define va_to_mfn(va) MFN(((uintptr_t)(va) - (uintptr_t)host_ram) >> PAGE_SHIFT)
#define frame_of(m) (&host_frames[(m).n])
#define frame_mfn(f) MFN((uint64_t)((f) - host_frames))
#define frame_va(f) ((void *)host_ram[(f) - host_frames])
#undef current
#define current host_current
#undef smp_processor_id
#define smp_processor_id() 0u
#undef this_cpu
#define this_cpu(name) percpu_##name
#include "sched/preempt.h"
#define hypercall_preempt_check() host_preempt()
/* No interrupts here, and no right to turn them off. */
#define irq_save() 0ul
#define irq_restore(f) ((void)(f))
#define spin_lock_irqsave(l) (spin_lock(l), 0ul)
#define spin_unlock_irqrestore(l, f) ((void)(f), spin_unlock(l))
#endif
