/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table entries and control registers. Source: Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.3. */
#ifndef X86_PAGE_H
#define X86_PAGE_H
#include "x86/layout.h"
#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_PWT		(1ull << 3)
#define PTE_PCD		(1ull << 4)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_PAT		(1ull << 7)
#define PTE_G		(1ull << 8)
#define PTE_AVAIL	(7ull << 9)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull
#define PTES_PER_TABLE	512u
#define pte_mfn(e)	MFN(((e) & PTE_ADDR) >> PAGE_SHIFT)
#define pte_make(m, f)	(((m).n << PAGE_SHIFT) | (f))
#define l1_index(va)	(((uint64_t)(va) >> 12) & 511)
#define l2_index(va)	(((uint64_t)(va) >> 21) & 511)
#define l3_index(va)	(((uint64_t)(va) >> 30) & 511)
#define l4_index(va)	(((uint64_t)(va) >> 39) & 511)
#define MAP_RW		(PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX)
#define MAP_RO		(PTE_P | PTE_A | PTE_G | PTE_NX)
#define MAP_RX		(PTE_P | PTE_A | PTE_G)
#define MAP_UC		(MAP_RW | PTE_PCD | PTE_PWT)
static inline uint64_t read_cr2(void) { uint64_t v; __asm__ volatile("mov %%cr2,%0" : "=r"(v)); return v; }
static inline uint64_t read_cr3(void) { uint64_t v; __asm__ volatile("mov %%cr3,%0" : "=r"(v)); return v; }
static inline void write_cr3(uint64_t v) { __asm__ volatile("mov %0,%%cr3" :: "r"(v) : "memory"); }
static inline uint64_t read_cr4(void) { uint64_t v; __asm__ volatile("mov %%cr4,%0" : "=r"(v)); return v; }
static inline void write_cr4(uint64_t v) { __asm__ volatile("mov %0,%%cr4" :: "r"(v) : "memory"); }
static inline uint64_t read_cr0(void) { uint64_t v; __asm__ volatile("mov %%cr0,%0" : "=r"(v)); return v; }
static inline void write_cr0(uint64_t v) { __asm__ volatile("mov %0,%%cr0" :: "r"(v) : "memory"); }
/* type: 0 one address under a tag, 1 a tag, 2 all, global ones too, 3 all but global ones (SDM vol. 2A, INVPCID) */
static inline void invpcid(uint64_t type, uint64_t tag, uint64_t va)
{
	struct { uint64_t tag, va; } d = { tag, va };

	__asm__ volatile("invpcid %0, %1" :: "m"(d), "r"(type) : "memory");
}
static inline void invlpg(const void *va) { __asm__ volatile("invlpg %0" :: "m"(*(const char *)va) : "memory"); }
#endif
