/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vectors of the CPUs: which line has which. Allocation is next-fit, on the CPU of the mask that has most left. */
#include "x86/irq_desc.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "lib/errno.h"

DEFINE_PER_CPU(uint16_t[256], vector_irq);
static DEFINE_PER_CPU(uint16_t, vectors_used);
static DEFINE_SPINLOCK(vector_lock);	/* all CPUs' vector_irq for writing, next_vector */
static unsigned next_vector = VECTOR_DYNAMIC_FIRST;
static unsigned leaving = NR_CPUS;	/* gets no vector any more */

uint32_t irq_destination(unsigned cpu)
{
	return cpu_topology[cpu].apic_id;
}

static bool range_free(const uint16_t *table, unsigned first, unsigned n)
{
	if (first < VECTOR_DYNAMIC_FIRST || first + n - 1 > VECTOR_DYNAMIC_LAST)
		return false;
	for (unsigned v = first; v < first + n; v++)
		if (v == VECTOR_SOFT_INT || table[v])
			return false;
	return true;
}

/* 0: none */
static unsigned find_vectors(unsigned cpu, unsigned n)
{
	const uint16_t *table = per_cpu(vector_irq, cpu);
	unsigned start = next_vector & ~(n - 1);

	for (unsigned i = 0; i < 256; i += n) {
		unsigned v = (start + i) & 0xff;

		if (range_free(table, v, n))
			return v;
	}
	return 0;
}

static unsigned least_loaded(const cpumask_t *mask)
{
	unsigned best = NR_CPUS, c;

	for_each_cpu(c, mask)
		if (cpu_online(c) && c != leaving && irq_destination(c) < 0xff &&
		    (best == NR_CPUS || per_cpu(vectors_used, c) < per_cpu(vectors_used, best)))
			best = c;
	return best;
}

int vectors_alloc(const cpumask_t *mask, unsigned irq, unsigned n, unsigned *cpu, unsigned *first)
{
	unsigned long flags = spin_lock_irqsave(&vector_lock);
	cpumask_t left = *mask;
	int rc = -ENOSPC;
	unsigned c, v;

	while (rc && (c = least_loaded(&left)) < NR_CPUS) {
		v = find_vectors(c, n);
		if (!v) {
			cpumask_clear_cpu(c, &left);
			continue;
		}
		for (unsigned i = 0; i < n; i++)
			per_cpu(vector_irq, c)[v + i] = irq + i + 1;
		per_cpu(vectors_used, c) += n;
		next_vector = v + n;
		*cpu = c;
		*first = v;
		rc = 0;
	}
	spin_unlock_irqrestore(&vector_lock, flags);
	return rc;
}

void vector_free(unsigned cpu, unsigned vector)
{
	unsigned long flags = spin_lock_irqsave(&vector_lock);

	per_cpu(vector_irq, cpu)[vector] = 0;
	per_cpu(vectors_used, cpu)--;
	spin_unlock_irqrestore(&vector_lock, flags);
}

void vectors_leave_cpu(unsigned cpu)
{
	unsigned long flags = spin_lock_irqsave(&vector_lock);

	leaving = cpu;
	spin_unlock_irqrestore(&vector_lock, flags);
}

/* The same n vectors on any other CPU, for messages of which only the address may change. */
int vectors_alloc_same(unsigned irq, unsigned n, unsigned first, unsigned *cpu)
{
	unsigned long flags = spin_lock_irqsave(&vector_lock);
	unsigned c;
	int rc = -ENOSPC;

	for_each_cpu(c, &cpu_online_map) {
		if (c == leaving || irq_destination(c) >= 0xff || !range_free(per_cpu(vector_irq, c), first, n))
			continue;
		for (unsigned i = 0; i < n; i++)
			per_cpu(vector_irq, c)[first + i] = irq + i + 1;
		per_cpu(vectors_used, c) += n;
		*cpu = c;
		rc = 0;
		break;
	}
	spin_unlock_irqrestore(&vector_lock, flags);
	return rc;
}
