// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The per-domain area (slot 260): for each vCPU a window of 32 pages, 16 for its GDT (14 of the guest's frames, then the CPU's
 * page of reserved entries) and 16 for its LDT. One L3 and one L2 a domain; one L1 for each 16 vCPUs, made as they come.
 */
#include "pv/pv.h"
#include "mem/heap.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

#define VCPUS_PER_L1	(PTES_PER_TABLE / 32)
#define TABLE_FLAGS	(PTE_P | PTE_W | PTE_A | PTE_D)
#define MAX_L1		DIV_ROUND_UP(MAX_VIRT_CPUS, VCPUS_PER_L1)

struct perdomain { uint64_t *l3, *l2; uint64_t *l1[MAX_L1]; };

int pv_perdomain_create(struct domain *d)
{
	struct perdomain *p = new_object(struct perdomain);

	if (!p)
		return -ENOMEM;
	d->pv->perdomain_tables = p;
	p->l3 = heap_pages(0);
	p->l2 = heap_pages(0);
	if (!p->l3 || !p->l2) {
		pv_perdomain_destroy(d);
		return -ENOMEM;
	}
	p->l3[0] = pte_make(va_to_mfn(p->l2), TABLE_FLAGS);
	d->pv->perdomain_l3 = va_to_mfn(p->l3);
	return 0;
}

void pv_perdomain_destroy(struct domain *d)
{
	struct perdomain *p = d->pv->perdomain_tables;

	if (!p)
		return;
	for (unsigned i = 0; i < MAX_L1; i++)
		if (p->l1[i])
			heap_pages_free(p->l1[i], 0);
	if (p->l2)
		heap_pages_free(p->l2, 0);
	if (p->l3)
		heap_pages_free(p->l3, 0);
	heap_free(p);
	d->pv->perdomain_tables = NULL;
}

static void *empty_page;

uint64_t pv_empty_gdt_entry(void)
{
	return pte_make(va_to_mfn(empty_page), MAP_RO & ~PTE_G);
}

void pv_perdomain_init(void)
{
	empty_page = heap_pages(0);
	if (!empty_page)
		panic("no memory for an empty GDT page");
}

int pv_perdomain_vcpu(struct vcpu *v)
{
	struct perdomain *p = v->domain->pv->perdomain_tables;
	unsigned i = v->id / VCPUS_PER_L1;

	BUILD_ASSERT(PERDOMAIN_VCPU_SHIFT == PAGE_SHIFT + 5 && MAX_L1 <= PTES_PER_TABLE);
	if (!p->l1[i]) {
		p->l1[i] = heap_pages(0);
		if (!p->l1[i])
			return -ENOMEM;
		WRITE_ONCE(p->l2[i], pte_make(va_to_mfn(p->l1[i]), TABLE_FLAGS));
	}
	v->pv->l1_window = p->l1[i] + (v->id % VCPUS_PER_L1) * 32;
	for (unsigned n = 0; n < GDT_GUEST_FRAMES; n++)
		WRITE_ONCE(v->pv->l1_window[n], pv_empty_gdt_entry());
	return 0;
}
