/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLB of this CPU, the clock that tells what has been flushed since, and address-space tags (PCIDs). How it all stays
 * correct is told at the head of x86/tlb.c. Flushes on other CPUs: x86/cpu.h.
 */
#ifndef X86_TLB_H
#define X86_TLB_H
#include "x86/current.h"
#include "x86/page.h"

#define FLUSH_GLOBAL 1u		/* global entries too, and every tag's */
#define CR3_NOFLUSH (1ul << 63)	/* the TLB keeps what it has under the tag that is loaded */

extern bool pcid_on;		/* CR4.PCIDE is set; constant once the boot CPU has chosen */

void tlb_init(void);		/* boot CPU: chooses; before CR4 is set */
bool tlb_tags_for(bool xpti);	/* may the roots of a domain with (without) page-table isolation have tags? */

/*
 * Under which tags a vCPU's roots are remembered: a slot of the CPU that it ran on last, with two tags. Zeroed: none, and
 * the vCPU runs under tag 0, which each load of CR3 empties.
 */
struct tlb_context { uint64_t id; uint32_t slot; };
/* What goes into CR3 beside the root's address. */
static inline uint64_t tlb_tag(const struct tlb_context *c, bool kernel)
{
	return c->slot ? CR3_NOFLUSH | (c->slot * 2 + kernel) : 0;
}
/*
 * Interrupts off, before this CPU loads the roots of c's vCPU, and after it is in the dirty_cpus whose flushes write to
 * 'owed': c has a slot of this CPU, under whose tags nothing is remembered that was to be forgotten.
 */
void tlb_enter(struct tlb_context *c, const uint64_t *owed);
/* The vCPU, which is on no CPU or does not mind, begins with nothing remembered when it is loaded next. Any CPU. */
static inline void tlb_forget(struct tlb_context *c) { WRITE_ONCE(c->id, 0); }

/*
 * Contexts that no CPU has loaded cannot be flushed by asking CPUs: whoever flushes a domain says first, in a word of the
 * domain, that what was remembered until now (until the stamp) must not be used. Full barriers: dirty_cpus is read after.
 */
void tlb_owe_now(uint64_t *owed);
void tlb_owe_since(uint64_t *owed, uint32_t stamp);
extern uint64_t tlb_owed_by_all;
static inline void tlb_owe(uint64_t *owed) { if (pcid_on) tlb_owe_now(owed); }
static inline void tlb_owe_stamp(uint64_t *owed, uint32_t stamp) { if (pcid_on) tlb_owe_since(owed, stamp); }

#define TLB_HOST_ONLY (~0ull)	/* cpu_info.tlb_emptied, under the host's root */
extern uint64_t tlb_clock_next;	/* tlb.c's own, but for the next function */
/* A root and its tag into CR3. Without CR3_NOFLUSH the TLB loses all but global entries (and other tags'). */
void cpu_load_root(uint64_t cr3);
/*
 * The same in place, because what comes after finds neither the TLB nor, emulated, what is known of indirect jumps: a return
 * costs more than this.
 */
static inline __attribute__((always_inline)) void cpu_load_root_here(uint64_t cr3)
{
	/* An interrupt that flushes in between notes a later time, which is overwritten: too early a one costs a flush, no more. */
	uint64_t t = READ_ONCE(tlb_clock_next);

	write_cr3(cr3);
	if ((int64_t)cr3 >= 0)
		WRITE_ONCE(cpu_info()->tlb_emptied, t);
}
/* The same for a new root under a tag in use: nothing stays of it, nor of the other tag of the slot. */
void cpu_replace_root(uint64_t cr3);
/*
 * Interrupts off. This CPU goes to the host's root, under no tag: flushes for guests' sake need not ask it; and is about to load a
 * guest's: they must. A CPU's first state is the second.
 */
void tlb_leave_guests(uint64_t host_cr3);
void tlb_enter_guests(void);
bool tlb_host_only(unsigned cpu);
/* What is remembered under the tag of cr3, which is not the one in force, is forgotten. */
void tlb_drop_tag(uint64_t cr3);
/* Forgets the context in force, both tags of it; FLUSH_GLOBAL: everything. */
void flush_tlb_local(unsigned flags);
void flush_tlb_one_local(uint64_t va);

/*
 * TLB clock: a stamp of now. What was taken out of page tables before the stamp is in no TLB of a CPU that has
 * flushed all since, but under tags that are not in force.
 */
uint32_t tlb_clock(void);
/* Removes from mask the CPUs that have flushed everything since stamp, or are under the host's root. */
void tlb_filter(cpumask_t *mask, uint32_t stamp);
#endif
