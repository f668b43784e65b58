/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLB of a CPU, and what may be believed of it.
 *
 * Without tags (no PCID): each load of CR3 empties it of all but global entries, and guests' entries are never global. So a CPU
 * holds translations of one root of the vCPU that is loaded on it, and flushing a domain is asking the CPUs in its dirty_cpus.
 *
 * With tags: a vCPU has a slot on the CPU that it ran on last, with a tag for its user's root and one for its kernel's.
 * Going from one to the other keeps both (CR3_NOFLUSH), and so does another vCPU in between. The rules:
 *
 * 1. A flush on a CPU is of the context in force: of both its tags, for the guest's kernel means its user's addresses too.
 *    INVPCID does it at once, not at the next load of CR3, so that an interrupt in the midst of a change of roots can flush.
 * 2. A context that is not in force is dealt with when it is loaded: it is emptied if a flush that concerns it was asked for since
 *    it was last emptied. Requests are moments of the TLB clock: domain.tlb_owed for flushes of a domain (the guest's own, grants
 *    unmapped, changed types, frames taken from it), tlb_owed_by_all for frames that the allocator hands out again.
 *    Who flushes writes the moment, then reads dirty_cpus and tlb_emptied; who loads a context is in dirty_cpus and has
 *    set tlb_emptied before it reads the moment: one of the two sees the other.
 * 3. A guest's local flush is of its vCPU alone. The vCPU may have run elsewhere before and come back there: a slot is
 *    good only on the CPU of the last run, for a vCPU that comes to a CPU gets a new id, which no other slot knows.
 * 4. A new root under a tag in force is loaded without CR3_NOFLUSH; the tag of one that is not in force is dropped. A
 *    slot is never given to another while its tags are in force, for the CPU could fill them again from the old root
 *    before CR3 is loaded.
 * 5. Entries of the GDT and LDT windows change when their vCPU is current, and then it flushes, or is not, and then tlb_forget.
 * 6. Changes of the hypervisor's own mappings flush with FLUSH_GLOBAL, which is every tag's.
 *
 * A CPU under the host's root has nothing of guests in force, and its flush time is later than every stamp: it is not asked, and
 * those that idle are not woken, however many they are. It has an ordinary time again before it loads a guest's root: a
 * change that it does not see yet in a page table, it has not remembered either, or who flushes sees the time.
 *
 * The clock counts stamps, each of which is unique. A stamp is the clock's low 32 bits; since only the CPU's flush time has to
 * be compared, an old stamp is read as the latest moment that it can mean, and errs towards one flush too many.
 */
#include "x86/tlb.h"
#include "x86/cpu.h"
#include "x86/cpu_setup.h"
#include "x86/io.h"
#include "x86/page.h"
#include "boot/boot.h"
#include "lib/atomic.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define SLOTS 8u	/* contexts that a CPU remembers */
#define TAG(cr3) ((cr3) & 0xfff)

enum { INVPCID_ONE, INVPCID_TAG, INVPCID_ALL };	/* of the last: global ones too */

bool pcid_on;
uint64_t tlb_owed_by_all;

/* Which domains' roots get tags: those with page-table isolation, those without it. */
static bool opt_pcid_xpti = true, opt_pcid_plain = true, opt_invpcid = true;

__init static void parse_pcid(const char *v)
{
	bool ok, on = cmdline_bool(v, &ok);

	if (ok) {
		opt_pcid_xpti = opt_pcid_plain = on;
	} else if (!strncmp(v, "xpti=", 5)) {
		on = cmdline_bool(v + 5, &ok);
		if (ok) {
			opt_pcid_xpti = on;
			opt_pcid_plain = !on;
		}
	} else if (!strcmp(v, "xpti") || !strcmp(v, "no-xpti") || !strcmp(v, "noxpti")) {
		opt_pcid_xpti = v[0] == 'x';
		opt_pcid_plain = v[0] == 'n';
	}
	if (!ok && v[0] != 'x' && v[0] != 'n')
		printk(LOG_WARN "Command line: pcid=%s is not known\n", v);
}
__init static void parse_invpcid(const char *v) { opt_invpcid = cmdline_bool(v, NULL); }
BOOT_PARAM(pcid, "pcid", parse_pcid, "tags for guests' page tables in the TLB: on (default), off, xpti, no-xpti");
BOOT_PARAM(invpcid, "invpcid", parse_invpcid, "use INVPCID (default on); off: no PCID either");

/* Without INVPCID each flush of one address would have to be one of everything: more is lost than won. */
void tlb_init(void)
{
	pcid_on = host_cpu.pcid && host_cpu.invpcid && opt_invpcid && host_cpu.pge && (opt_pcid_xpti || opt_pcid_plain);
}

bool tlb_tags_for(bool xpti)
{
	return pcid_on && (xpti ? opt_pcid_xpti : opt_pcid_plain);
}

/* 'emptied': the TLB clock when the slot's tags were last emptied, or before */
struct tlb_slot { uint64_t id, emptied; };
static DEFINE_PER_CPU(struct tlb_slot, slots)[SLOTS];
static DEFINE_PER_CPU(unsigned, next_victim);

/*
 * A flush notes the clock before it begins, so that it has seen every change of a page table that was stamped earlier. Flushes
 * and loads of CR3, which are many, write no line that CPUs share.
 */
uint64_t tlb_clock_next __cacheline = 1;
static uint64_t next_id = 1;

__hot uint32_t tlb_clock(void)
{
	return __atomic_fetch_add(&tlb_clock_next, 1, __ATOMIC_SEQ_CST);
}

/* The latest moment up to now that a stamp can mean. */
static uint64_t stamp_time(uint32_t stamp)
{
	uint64_t t = READ_ONCE(tlb_clock_next), latest = (t & ~0xffffffffull) | stamp;

	return latest > t ? latest - (1ull << 32) : latest;
}

void tlb_filter(cpumask_t *mask, uint32_t stamp)
{
	uint64_t when = stamp_time(stamp);
	unsigned c;

	for_each_cpu(c, mask)
		if (READ_ONCE(per_cpu(info, c)->tlb_emptied) > when)
			mask->bits[c / 64] &= ~(1ul << c % 64);
}

static void owe(uint64_t *owed, uint64_t when)
{
	uint64_t old = READ_ONCE(*owed), seen;

	while (old < when) {
		seen = cmpxchg(owed, old, when);
		if (seen == old)
			return;
		old = seen;
	}
	smp_mb();
}

void tlb_owe_now(uint64_t *owed)
{
	owe(owed, __atomic_fetch_add(&tlb_clock_next, 1, __ATOMIC_SEQ_CST));
}

void tlb_owe_since(uint64_t *owed, uint32_t stamp)
{
	owe(owed, stamp_time(stamp));
}

/* --- this CPU --- */

static struct tlb_slot *slot_of(unsigned tag) { return &this_cpu(slots)[tag / 2 - 1]; }

/* Interrupts off. The context in force has been emptied of what was known at t. */
static void note_emptied(uint64_t t)
{
	unsigned tag = pcid_on ? TAG(read_cr3()) : 0;

	if (cpu_info()->tlb_emptied != TLB_HOST_ONLY)
		WRITE_ONCE(cpu_info()->tlb_emptied, t);
	if (tag)
		slot_of(tag)->emptied = t;
}

void flush_tlb_local(unsigned flags)
{
	unsigned long f = irq_save();
	uint64_t t = READ_ONCE(tlb_clock_next);
	unsigned tag = pcid_on ? TAG(read_cr3()) : 0;

	if ((flags & FLUSH_GLOBAL) && pcid_on) {
		invpcid(INVPCID_ALL, 0, 0);
	} else if ((flags & FLUSH_GLOBAL) && host_cpu.pge) {
		uint64_t cr4 = read_cr4();

		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else if (tag) {
		invpcid(INVPCID_TAG, tag, 0);
		invpcid(INVPCID_TAG, tag ^ 1, 0);
	} else {
		write_cr3(read_cr3());
	}
	note_emptied(t);
	irq_restore(f);
}

void flush_tlb_one_local(uint64_t va)
{
	invlpg((const void *)va);
	/* Unlike INVLPG, INVPCID faults on an address that is not canonical. */
	if (pcid_on && (uint64_t)((int64_t)(va << 16) >> 16) == va) {
		unsigned tag = TAG(read_cr3());

		if (tag)
			invpcid(INVPCID_ONE, tag ^ 1, va);
	}
}

__hot void cpu_load_root(uint64_t cr3)
{
	cpu_load_root_here(cr3);
}

void tlb_leave_guests(uint64_t host_cr3)
{
	cpu_load_root(host_cr3);
	WRITE_ONCE(cpu_info()->tlb_emptied, TLB_HOST_ONLY);
}

/* CR3, which is written next, is not before this can be seen: it serializes. */
void tlb_enter_guests(void)
{
	WRITE_ONCE(cpu_info()->tlb_emptied, READ_ONCE(tlb_clock_next));
}

bool tlb_host_only(unsigned cpu)
{
	return READ_ONCE(per_cpu(info, cpu)->tlb_emptied) == TLB_HOST_ONLY;
}

void cpu_replace_root(uint64_t cr3)
{
	unsigned long f;
	uint64_t t;

	if (!TAG(cr3)) {
		cpu_load_root(cr3);
		return;
	}
	f = irq_save();
	t = READ_ONCE(tlb_clock_next);
	write_cr3(cr3 & ~CR3_NOFLUSH);
	invpcid(INVPCID_TAG, TAG(cr3) ^ 1, 0);
	note_emptied(t);
	irq_restore(f);
}

void tlb_drop_tag(uint64_t cr3)
{
	if (TAG(cr3))
		invpcid(INVPCID_TAG, TAG(cr3), 0);
}

/* --- contexts --- */

static unsigned take_slot(unsigned in_force)
{
	unsigned n;

	do {
		n = 1 + this_cpu(next_victim)++ % SLOTS;
	} while (n == in_force);
	return n;
}

void tlb_enter(struct tlb_context *c, const uint64_t *owed)
{
	unsigned in_force = TAG(read_cr3()) / 2;
	struct tlb_slot *s;
	uint64_t t;

	if (c->slot && this_cpu(slots)[c->slot - 1].id == READ_ONCE(c->id)) {
		s = &this_cpu(slots)[c->slot - 1];
		WRITE_ONCE(cpu_info()->tlb_emptied, s->emptied);
		smp_mb();
		if (s->emptied > READ_ONCE(*owed) && s->emptied > READ_ONCE(tlb_owed_by_all))
			return;
	} else {
		c->slot = take_slot(in_force);
		s = &this_cpu(slots)[c->slot - 1];
		s->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_SEQ_CST);
		WRITE_ONCE(c->id, s->id);
	}
	t = READ_ONCE(tlb_clock_next);
	invpcid(INVPCID_TAG, c->slot * 2, 0);
	invpcid(INVPCID_TAG, c->slot * 2 + 1, 0);
	s->emptied = t;
	WRITE_ONCE(cpu_info()->tlb_emptied, t);
}
