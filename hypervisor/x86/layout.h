/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual address space above the guest's reach: PML4 slots 256..271, the hole that the PV ABI keeps for the hypervisor
 * (xen/arch-x86/xen-x86_64.h: HYPERVISOR_VIRT_START .. HYPERVISOR_VIRT_END). Every PV guest's root table carries these slots.
 *
 *  256  0xffff800000000000  M2P, read-only for guests (user-accessible), 8 bytes a frame; sparse
 *  258  0xffff810000000000  frame table (struct frame, 16 bytes a frame); populated a section (128 MiB of RAM) at a time
 *  259  0xffff818000000000  vmap: device memory, stacks with guard pages, fixmap
 *  260  0xffff820000000000  per-domain area: each vCPU's GDT and LDT windows, see pv/
 *  261  0xffff82d000000000  the image: text, rodata, data, per-CPU areas, per-CPU entry stubs. Linked for the top of slot 261
 *  262-271 0xffff830000000000  direct map of machine memory, 5 TiB, with 1 GiB/2 MiB pages, not executable
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H
#include "lib/types.h"
#define ANEL_VIRT_START		0xffff800000000000ul
#define ANEL_VIRT_END		0xffff880000000000ul
#define M2P_VIRT_START		0xffff800000000000ul
#define M2P_VIRT_END		0xffff804000000000ul
#define FRAMETABLE_VIRT		0xffff810000000000ul
#define VMAP_VIRT_START		0xffff818000000000ul
#define VMAP_VIRT_END		0xffff820000000000ul
#define PERDOMAIN_VIRT_START	0xffff820000000000ul
#define PERDOMAIN_VCPU_SHIFT	17			/* 128 KiB a vCPU: 16 pages GDT, 16 pages LDT */
#define IMAGE_VIRT_START	0xffff82d040000000ul	/* physical load address 2 MiB is at +0x200000 */
#define DIRECTMAP_VIRT_START	0xffff830000000000ul
#define DIRECTMAP_VIRT_END	0xffff880000000000ul
#define ANEL_FIRST_SLOT		256
#define ANEL_LAST_SLOT		271
#define PERDOMAIN_SLOT		260
/* A guest may name a linear address outside the hole only. Non-canonical ones fault and are caught by the exception table. */
static inline bool guest_addr_ok(uint64_t a, uint64_t size)
{
	return a + size >= a && (a + size <= ANEL_VIRT_START || a >= ANEL_VIRT_END);
}
static inline void *pa_to_va(paddr_t pa) { return (void *)(DIRECTMAP_VIRT_START + pa); }
static inline void *mfn_to_va(mfn_t m) { return pa_to_va(m.n << PAGE_SHIFT); }
/* Direct-map addresses only (heap memory, frames); use image_to_pa for the image's own symbols. */
static inline paddr_t va_to_pa(const void *va) { return (uint64_t)va - DIRECTMAP_VIRT_START; }
static inline mfn_t va_to_mfn(const void *va) { return MFN(va_to_pa(va) >> PAGE_SHIFT); }
paddr_t image_to_pa(const void *sym);	/* boot/ provides: works wherever the image was loaded */
#endif
