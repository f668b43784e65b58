/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The change between a guest's kernel and its user. */
#ifndef PV_TOGGLE_H
#define PV_TOGGLE_H
#include "pv/mm_joint.h"
#include "sched/sched.h"
#include "x86/tlb.h"

/* The joint root is in force, and what it has may be relied on. */
static inline bool pv_joint_good(const struct pv_vcpu *pv)
{
	BUILD_ASSERT(offsetof(struct pv_vcpu, joint_stale) == offsetof(struct pv_vcpu, joined) + 1);
	return *(const volatile uint16_t *)&pv->joined == 1;
}

/* Kernel <-> user: root, GS. Interrupts off. In place, for the reason that cpu_load_root_here (x86/tlb.h) is. */
static inline __attribute__((always_inline)) void pv_toggle_mode(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;
	bool kernel = !pv->kernel_mode;

	pv->kernel_mode = kernel;
	/* KERNEL_GS_BASE always holds the base of the mode that is not in force. */
	__asm__ volatile("swapgs" ::: "memory");
	if (likely(pv_joint_good(pv))) {
		for (unsigned i = 0; i < JOINT_KERNEL_SLOTS; i++) {
			uint64_t e = pv->kernel_entry[i];

			WRITE_ONCE(pv->joint[joint_slot(e)], kernel ? e : 0);
		}
		if (!kernel)
			cpu_load_root_here(pv->cr3[0]);
	} else if (pv->joined | pv->may_join) {
		pv_joint_slow(v);
	} else {
		cpu_load_root_here(pv->cr3[kernel]);
	}
	if (kernel)
		guest_areas_retry(v);
}
#endif
