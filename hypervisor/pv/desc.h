/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables of PV guests. */
#ifndef PV_DESC_H
#define PV_DESC_H
#include "sched/preempt.h"

int pv_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned ents);	/* of v's domain; -EINVAL */
void pv_destroy_gdt(struct vcpu *v);
bool pv_invalidate_ldt(struct vcpu *v);		/* drops the shadow LDT mappings; true if there were any */
bool pv_map_ldt_page(struct vcpu *v, unsigned page);	/* fault in the window: maps it, or false: the guest's fault */
bool pv_fix_descriptor(uint64_t *desc);		/* makes it safe (DPL); false if it cannot be */
hypercall_fn hc_set_gdt, hc_update_descriptor;
#endif
