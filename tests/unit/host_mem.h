/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of mem/: the machine's memory, its frame table and the CPU's number are the test's own. */
#ifndef HOST_MEM_H
#define HOST_MEM_H
#include "x86/layout.h"
#include "x86/current.h"
#include "mem/frame.h"

extern unsigned char *host_ram;		/* HOST_RAM_SIZE bytes of address space, sparse */
extern struct frame *host_frames;
#define HOST_RAM_SIZE (12ull << 30)

#undef frame_table
#define frame_table host_frames
#define pa_to_va(pa) ((void *)(host_ram + (pa)))
#define mfn_to_va(m) ((void *)(host_ram + ((m).n << PAGE_SHIFT)))
#define va_to_pa(va) ((uint64_t)((unsigned char *)(va) - host_ram))
#define va_to_mfn(va) MFN(va_to_pa(va) >> PAGE_SHIFT)
#define frame_of(m) (&host_frames[(m).n])
#define frame_mfn(f) MFN((uint64_t)((f) - host_frames))
#define frame_va(f) ((void *)(host_ram + ((uint64_t)((f) - host_frames) << PAGE_SHIFT)))
#undef smp_processor_id
#define smp_processor_id() 0u
#endif
