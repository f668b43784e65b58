// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Joint roots. A 64-bit PV guest's kernel and its user have different tables of level 4, and each change from one to the other
 * loads CR3, which empties the TLB if it has no tags. But on the way from user to kernel nothing needs to be forgotten, if all that
 * the user's root maps is mapped by the kernel's alike: the kernel only sees more. So a vCPU runs on a table of the hypervisor's
 * that has what both have in common, and on the way in its kernel's slots are filled; on the way out they are emptied, and
 * the TLB with them.
 *
 * 1. A joint root is a cache of the guest's two roots: a slot that is not there is looked for when a fault asks (pv_joint_fault).
 *    It holds no references. Slots of the user's half are there only while both roots have the same entry. Slots of the
 *    kernel's half are there in the kernel's mode only, and kernel_entry[] lists them all: no other has ever been filled.
 * 2. What the user's root has of the kernel's half (Linux: the vsyscall page), or in its own half otherwise than the kernel's root,
 *    parts the roots until one of the guest's roots is changed: each is loaded as it is.
 * 3. The table, the list and the modes are written by the CPU on which the vCPU is current, with interrupts off. Who changes an
 *    entry of a guest's root writes it first, then sets 'joint_stale' for the vCPUs whose root it is, asks their CPUs to flush,
 *    which passes only when none is in the midst of this, and takes the slot out of the joint roots; only then do the
 *    references of the old entry go. A vCPU that is stale parts at its next change of mode, and one that joins anew
 *    clears the mark before it reads.
 * 4. Not for domains whose roots have tags, which keep both, and not while shadows are in force.
 */
#include "pv/mm_joint.h"
#include "pv/mm_priv.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mem/alloc.h"
#include "mem/heap.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/tlb.h"

BUILD_ASSERT(JOINT_KERNEL_SLOTS == ARRAY_SIZE(((struct pv_vcpu *)0)->kernel_entry));
BUILD_ASSERT(JOINT_USER_SLOTS == ARRAY_SIZE(((struct pv_vcpu *)0)->user_slot));
#define LAST_USER_SLOT (ANEL_FIRST_SLOT - 1)

static uint64_t *table_of(uint64_t root) { return mfn_to_va(MFN(root)); }
static void set(struct pv_vcpu *pv, unsigned slot, uint64_t e) { WRITE_ONCE(pv->joint[slot], e); }

/* Would the CPU walk on alike? Entries that are not present are alike. */
static bool alike(uint64_t a, uint64_t b)
{
	return !((a | b) & PTE_P) || !((a ^ b) & ~(PTE_A | PTE_D));
}

static uint64_t m2p_entry(void) { return host_root_entry(ANEL_FIRST_SLOT) & ~JOINT_SLOT_MASK; }

int pv_joint_create(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;

	pv->joint = heap_pages(0);
	if (!pv->joint)
		return -ENOMEM;
	pv_fill_root_slots(v->domain, pv->joint);
	set(pv, ANEL_FIRST_SLOT, 0);
	for (unsigned i = 0; i < JOINT_KERNEL_SLOTS; i++)
		pv->kernel_entry[i] = m2p_entry();
	return 0;
}

void pv_joint_destroy(struct vcpu *v)
{
	heap_pages_free(v->pv->joint, 0);
	v->pv->joint = NULL;
}

static void show_kernel(struct pv_vcpu *pv, bool show)
{
	for (unsigned i = 0; i < JOINT_KERNEL_SLOTS; i++)
		set(pv, joint_slot(pv->kernel_entry[i]), show ? pv->kernel_entry[i] : 0);
}

static uint64_t plain_cr3(uint64_t root) { return (root ? root : host_root_mfn().n) << PAGE_SHIFT; }

void pv_joint_part(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;

	if (!pv->joined)
		return;
	pv->joined = false;
	show_kernel(pv, false);
	pv->cr3[0] = plain_cr3(pv->guest_table_user);
	pv->cr3[1] = plain_cr3(pv->guest_table);
}

/* v goes to its user. False: its roots are too different. */
static bool join(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;
	const uint64_t *kernel = table_of(pv->guest_table), *user = table_of(pv->guest_table_user);

	pv->may_join = false;
	if (!pv->guest_table || !pv->guest_table_user || pv->guest_table == pv->guest_table_user || v->domain->pv->pcid ||
	    v->domain->pv->log_dirty)
		return false;
	WRITE_ONCE(pv->joint_stale, false);
	smp_mb();
	show_kernel(pv, false);
	for (unsigned i = 1; i < JOINT_KERNEL_SLOTS; i++) {
		unsigned slot = joint_slot(pv->kernel_entry[i]);
		uint64_t e = slot > ANEL_LAST_SLOT ? READ_ONCE(kernel[slot]) : 0;

		pv->kernel_entry[i] = e & PTE_P ? (e & ~JOINT_SLOT_MASK) | (pv->kernel_entry[i] & JOINT_SLOT_MASK) : m2p_entry();
	}
	for (unsigned i = 0; i < JOINT_USER_SLOTS; i++) {
		unsigned slot = pv->user_slot[i];
		uint64_t e = READ_ONCE(kernel[slot]);

		if (!alike(e, READ_ONCE(user[slot])))
			return false;
		set(pv, slot, e & PTE_P ? e : 0);
	}
	pv->joined = true;
	pv->cr3[0] = pv->cr3[1] = va_to_pa(pv->joint);
	return true;
}

void pv_joint_slow(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;

	if (pv->joined) {		/* stale */
		pv_joint_part(v);
		pv->may_join = true;
	}
	if (pv->may_join && !pv->kernel_mode)
		join(v);
	cpu_load_root(pv->cr3[pv->kernel_mode]);
}

static void add_kernel_slot(struct pv_vcpu *pv, unsigned slot, uint64_t e)
{
	unsigned i = 0;

	/* In a place that has none of its own, or instead of another in turn. */
	for (unsigned j = 1; j < JOINT_KERNEL_SLOTS && !i; j++)
		if (joint_slot(pv->kernel_entry[j]) == ANEL_FIRST_SLOT || joint_slot(pv->kernel_entry[j]) == slot)
			i = j;
	if (!i)
		i = 1 + pv->next_slot++ % (JOINT_KERNEL_SLOTS - 1);
	if (joint_slot(pv->kernel_entry[i]) != ANEL_FIRST_SLOT)
		set(pv, joint_slot(pv->kernel_entry[i]), 0);
	pv->kernel_entry[i] = (e & ~JOINT_SLOT_MASK) | (uint64_t)(slot - ANEL_FIRST_SLOT) << JOINT_SLOT_SHIFT;
	set(pv, slot, pv->kernel_entry[i]);
}

static void add_user_slot(struct pv_vcpu *pv, unsigned slot, uint64_t e)
{
	unsigned i = 0;

	while (i < JOINT_USER_SLOTS && pv->user_slot[i] != slot)
		i++;
	if (i == JOINT_USER_SLOTS) {
		i = pv->next_slot++ % JOINT_USER_SLOTS;
		set(pv, pv->user_slot[i], 0);
		pv->user_slot[i] = slot;
	}
	set(pv, slot, e);
}

static bool fill(struct vcpu *v, unsigned slot)
{
	struct pv_vcpu *pv = v->pv;
	uint64_t kernel, user;

	if (!pv->joined || (pv->joint[slot] & PTE_P))
		return false;
	kernel = READ_ONCE(table_of(pv->guest_table)[slot]);
	user = READ_ONCE(table_of(pv->guest_table_user)[slot]);
	if (!((pv->kernel_mode ? kernel : user) & PTE_P))
		return false;
	if (slot <= LAST_USER_SLOT && alike(kernel, user)) {
		add_user_slot(pv, slot, kernel);
	} else if (slot > LAST_USER_SLOT && pv->kernel_mode) {
		add_kernel_slot(pv, slot, kernel);
	} else {
		pv_joint_part(v);
		cpu_load_root(pv->cr3[pv->kernel_mode]);
	}
	return true;
}

bool pv_joint_fault(struct vcpu *v, uint64_t addr)
{
	unsigned long flags;
	bool filled;

	if (!v->pv->joined || !slot_is_guests(l4_index(addr)))
		return false;
	flags = irq_save();
	filled = fill(v, l4_index(addr));
	irq_restore(flags);
	return filled;
}

static bool is_root_of(uint64_t mfn, const struct vcpu *v)
{
	return v->pv && v->pv->joint && (READ_ONCE(v->pv->guest_table) == mfn || READ_ONCE(v->pv->guest_table_user) == mfn);
}

void pv_joint_changed(struct domain *d, const struct frame *l4, unsigned idx)
{
	uint64_t mfn = frame_mfn(l4).n;
	bool others = false;
	struct vcpu *v;

	if (d->pv->pcid)
		return;
	smp_mb();	/* who makes this its root after we have looked reads the new entry */
	for_each_vcpu(d, v)
		if (is_root_of(mfn, v)) {
			WRITE_ONCE(v->pv->joint_stale, true);
			others |= v != current;
		}
	if (others)
		domain_flush_tlb(d);
	for_each_vcpu(d, v)
		if (is_root_of(mfn, v))
			set(v->pv, idx, 0);
}
