/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joint roots: one table of level 4 of the hypervisor's for a vCPU's kernel and its user, where the user's half of both is the same
 * (Linux). Why and how: the head of pv/mm_joint.c.
 */
#ifndef PV_MM_JOINT_H
#define PV_MM_JOINT_H
#include "pv/pv.h"

#define JOINT_KERNEL_SLOTS 8u	/* that a joint root has at once of the kernel's half, the M2P's among them; and of the user's */
#define JOINT_USER_SLOTS 8u
/* An entry of the kernel's half says in bits that CPUs ignore which slot it belongs to. */
#define JOINT_SLOT_SHIFT 52
#define JOINT_SLOT_MASK (0xffull << JOINT_SLOT_SHIFT)
static inline unsigned joint_slot(uint64_t e) { return ANEL_FIRST_SLOT + (e >> JOINT_SLOT_SHIFT & 0xff); }

int pv_joint_create(struct vcpu *v);		/* -ENOMEM */
void pv_joint_destroy(struct vcpu *v);		/* no CPU has its root loaded */
/* The change of mode where the joint root is not, or cannot be relied on. v is current, interrupts off, kernel_mode new. */
void pv_joint_slow(struct vcpu *v);
/* Plain roots from now on, in cr3[]; the caller loads one. v is current, with interrupts off, or loaded nowhere. */
void pv_joint_part(struct vcpu *v);
/* A page that is not present, at an address of the guest's half or the kernel's; v is current. True: try again. */
bool pv_joint_fault(struct vcpu *v, uint64_t addr);
/*
 * Entry idx of d's table of level 4 has been changed, and its lock is released; what the old entry referred to is held until this
 * returns. May flush TLBs: not under locks that are taken with interrupts off.
 */
void pv_joint_changed(struct domain *d, const struct frame *l4, unsigned idx);
#endif
