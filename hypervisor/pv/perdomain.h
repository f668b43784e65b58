/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The per-domain area of the address space: GDT and LDT windows of the vCPUs. */
#ifndef PV_PERDOMAIN_H
#define PV_PERDOMAIN_H
#include "domain/domain.h"

int pv_perdomain_create(struct domain *d);
void pv_perdomain_destroy(struct domain *d);
void pv_perdomain_init(void);			/* boot CPU */
uint64_t pv_empty_gdt_entry(void);	/* maps a page of zeroes: selectors there fault as a CPU's would, with #GP */
int pv_perdomain_vcpu(struct vcpu *v);		/* creates the window of v; -ENOMEM */
static inline uint64_t pv_gdt_virt(const struct vcpu *v)
{
	return PERDOMAIN_VIRT_START + ((uint64_t)v->id << PERDOMAIN_VCPU_SHIFT);
}
static inline uint64_t pv_ldt_virt(const struct vcpu *v) { return pv_gdt_virt(v) + 16 * PAGE_SIZE; }
#endif
