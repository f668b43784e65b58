/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls to other CPUs, and flushes of their TLBs (x86/tlb.c).
 *
 * There is no common lock: each CPU has one request of its own per kind, and for each kind a set of the CPUs whose request it
 * has yet to serve. A CPU that waits for its own request serves others' flushes meanwhile, so two that flush each other do not
 * hang even with interrupts off. A request is in use until the last target has taken it: a function called on another CPU
 * must not itself flush or call others.
 */
#include "x86/ipi.h"
#include "x86/apic.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "lib/panic.h"
#include "lib/spinlock.h"

struct call_request { void (*fn)(void *); void *arg; bool wait; atomic_t pending; };
struct flush_request { uint64_t va; unsigned flags; bool one; atomic_t pending; };

void (*tlb_flushed_hook)(void);

static DEFINE_PER_CPU(struct call_request, call_request);
static DEFINE_PER_CPU(struct flush_request, flush_request);
static DEFINE_PER_CPU(cpumask_t, call_from);
static DEFINE_PER_CPU(cpumask_t, flush_from);

static void send_mask(const cpumask_t *mask, unsigned vector)
{
	unsigned c;

	for_each_cpu(c, mask)
		apic_send(cpu_topology[c].apic_id, vector);
}

/* Takes the next CPU out of the set; NR_CPUS: empty. */
static unsigned take_next(cpumask_t *set)
{
	unsigned c;

	for_each_cpu(c, set)
		if (test_and_clear_bit(c, set->bits))
			return c;
	return NR_CPUS;
}

static void serve_calls(void)
{
	unsigned c;

	while ((c = take_next(&this_cpu(call_from))) < NR_CPUS) {
		struct call_request *r = &per_cpu(call_request, c);
		void (*fn)(void *) = r->fn;
		void *arg = r->arg;

		if (r->wait) {
			fn(arg);
			atomic_dec(&r->pending);
		} else {
			atomic_dec(&r->pending);
			fn(arg);
		}
	}
}

static void serve_flushes(void)
{
	unsigned c;

	while ((c = take_next(&this_cpu(flush_from))) < NR_CPUS) {
		struct flush_request *r = &per_cpu(flush_request, c);

		if (r->one)
			flush_tlb_one_local(r->va);
		else
			flush_tlb_local(r->flags);
		atomic_dec(&r->pending);
	}
}

void ipi_call_interrupt(void) { serve_calls(); }
void ipi_tlb_interrupt(void)
{
	serve_flushes();
	if (tlb_flushed_hook)
		tlb_flushed_hook();
}

static void wait_for(atomic_t *pending)
{
	while (atomic_read(pending)) {
		if (unlikely(!cpumask_empty(&this_cpu(flush_from)))) {
			unsigned long flags = irq_save();

			serve_flushes();
			irq_restore(flags);
		}
		cpu_relax();
	}
}

/* The others of mask that are online. */
static unsigned other_cpus(cpumask_t *others, const cpumask_t *mask)
{
	cpumask_and(others, mask, &cpu_online_map);
	others->bits[smp_processor_id() / 64] &= ~(1ul << smp_processor_id() % 64);
	return cpumask_weight(others);
}

void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait)
{
	unsigned self = smp_processor_id(), c, n;
	struct call_request *r = &this_cpu(call_request);
	cpumask_t others;

	n = other_cpus(&others, mask);
	if (n) {
		r->fn = fn;
		r->arg = arg;
		r->wait = wait;
		atomic_set(&r->pending, n);
		for_each_cpu(c, &others)
			cpumask_set_cpu(self, &per_cpu(call_from, c));
		send_mask(&others, VECTOR_CALL);
	}
	if (cpumask_test_cpu(self, mask)) {
		unsigned long flags = irq_save();

		fn(arg);
		irq_restore(flags);
	}
	if (n)
		wait_for(&r->pending);
}

void smp_send_event_check(unsigned cpu)
{
	if (cpu_online(cpu) && cpu != smp_processor_id())
		apic_send(cpu_topology[cpu].apic_id, VECTOR_EVENT_CHECK);
}

void smp_send_event_check_mask(const cpumask_t *mask)
{
	cpumask_t others;

	if (other_cpus(&others, mask))
		send_mask(&others, VECTOR_EVENT_CHECK);
}

static void flush_others(const cpumask_t *mask, const struct flush_request *what)
{
	unsigned self = smp_processor_id(), c, n;
	struct flush_request *r = &this_cpu(flush_request);
	cpumask_t others;

	n = other_cpus(&others, mask);
	if (!n)
		return;
	r->va = what->va;
	r->flags = what->flags;
	r->one = what->one;
	atomic_set(&r->pending, n);
	for_each_cpu(c, &others)
		cpumask_set_cpu(self, &per_cpu(flush_from, c));
	send_mask(&others, VECTOR_TLB);
	wait_for(&r->pending);
}

void flush_tlb_mask(const cpumask_t *mask, unsigned flags)
{
	struct flush_request what = { .flags = flags };

	if (cpumask_test_cpu(smp_processor_id(), mask))
		flush_tlb_local(flags);
	flush_others(mask, &what);
}

void flush_tlb_one_mask(const cpumask_t *mask, uint64_t va)
{
	struct flush_request what = { .va = va, .one = true };

	if (cpumask_test_cpu(smp_processor_id(), mask))
		flush_tlb_one_local(va);
	flush_others(mask, &what);
}
