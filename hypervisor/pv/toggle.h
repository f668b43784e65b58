/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The change between a guest's kernel and its user. */
#ifndef PV_TOGGLE_H
#define PV_TOGGLE_H
#include "pv/pv.h"
#include "sched/sched.h"
#include "x86/tlb.h"

/* Kernel <-> user: root, GS. In place, for the reason that cpu_load_root_here (x86/tlb.h) is. */
static inline __attribute__((always_inline)) void pv_toggle_mode(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;
	bool kernel = !pv->kernel_mode;

	pv->kernel_mode = kernel;
	/* KERNEL_GS_BASE always holds the base of the mode that is not in force. */
	__asm__ volatile("swapgs" ::: "memory");
	cpu_load_root_here(pv->cr3[kernel]);
	if (kernel)
		guest_areas_retry(v);
}
#endif
