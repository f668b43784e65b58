/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From one vCPU to another. A switch to idle leaves the guest's registers in the stack frame and its page tables loaded: most
 * often the same vCPU comes back. loaded_vcpu says whose they are; v->dirty_cpu names the CPU from the vCPU's side. An idle CPU
 * that is asked to flush unloads them, so that it is woken for one flush and not for each.
 */
#include "sched/private.h"
#include "domain/notify.h"
#include "lib/panic.h"
#include "mem/alloc.h"
#include "x86/cpu.h"
#include "x86/page.h"
#include "x86/traps.h"

#define NOT_DIRTY (~0u)

DEFINE_PER_CPU(struct vcpu *, loaded_vcpu);

static void __noreturn jump_with_empty_stack(void (*to)(void))
{
	/* Interrupts on first: one that comes now still finds this stack. */
	__asm__ volatile("sti\n\t"
			 "mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "jmp __x86_indirect_thunk_rax" :: "r"(guest_cpu_user_regs()), "a"(to) : "memory");
	__builtin_unreachable();
}

/* The CPU's own GDT page, by the direct map: valid whichever root table is loaded. */
static void use_host_gdt(unsigned cpu)
{
	cpu_set_gdt((uint64_t)mfn_to_va(cpu_gdt_mfn(cpu)) - 14 * PAGE_SIZE, 15 * PAGE_SIZE - 1);
}

static void save(struct vcpu *v)
{
	v->regs = *guest_cpu_user_regs();
	v->domain->ops->leave(v);
}

/* Interrupts off. v was loaded and saved, and its page tables are no longer in force. */
static void now_clean(struct vcpu *v, unsigned cpu)
{
	if (!this_cpu(loaded_vcpu) || this_cpu(loaded_vcpu)->domain != v->domain)
		cpumask_clear_cpu(cpu, &v->domain->dirty_cpus);
	__atomic_store_n(&v->dirty_cpu, NOT_DIRTY, __ATOMIC_RELEASE);
}

/* Interrupts off, this CPU idles: back to the host's own tables. */
static void unload(void)
{
	unsigned cpu = smp_processor_id();
	struct vcpu *v = this_cpu(loaded_vcpu);

	if (!v || v == current)
		return;
	save(v);
	use_host_gdt(cpu);
	cpu_load_ldt(0, 0);
	tlb_leave_guests(host_root_mfn().n << PAGE_SHIFT);
	this_cpu(loaded_vcpu) = NULL;
	now_clean(v, cpu);
}

static void load(struct vcpu *next)
{
	unsigned cpu = smp_processor_id();
	struct vcpu *old = this_cpu(loaded_vcpu);

	if (old)
		save(old);
	else
		tlb_enter_guests();
	use_host_gdt(cpu);
	cpumask_set_cpu(cpu, &next->domain->dirty_cpus);
	this_cpu(loaded_vcpu) = next;
	next->dirty_cpu = cpu;
	current = next;
	*guest_cpu_user_regs() = next->regs;
	next->domain->ops->enter(next);
	if (old)
		now_clean(old, cpu);
}

/* To aim an interrupt anew costs more than the move did, and one that comes to another CPU reaches its vCPU too. */
#define PIRQS_STAY 20000000ll	/* ns */

void vcpu_pirqs_follow(struct vcpu *v, unsigned cpu, s_time_t t)
{
	struct sched_vcpu *s = v->sched;

	if (likely(s->pirqs_at == cpu) || t - s->pirqs_moved < PIRQS_STAY)
		return;
	s->pirqs_at = cpu;
	s->pirqs_moved = t;
	notify->vcpu_moved(v);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	unsigned cpu = smp_processor_id();

	if (!is_idle_vcpu(prev))
		guest_runstate_update(prev);
	if (is_idle_vcpu(next)) {
		current = next;
		context_saved(prev);
		jump_with_empty_stack(idle_loop);
	}
	if (this_cpu(loaded_vcpu) == next)
		current = next;
	else
		load(next);
	if (!is_idle_vcpu(prev))
		context_saved(prev);
	if (next->sched->last_moved != cpu) {
		next->sched->last_moved = cpu;
		guest_timers_migrate(next, cpu);
	}
	vcpu_pirqs_follow(next, cpu, next->sched->picked_at);
	guest_time_update(next);
	guest_runstate_update(next);
	jump_with_empty_stack(next->domain->ops->resume);
}

void unload_lazy(void)
{
	unsigned long flags = irq_save();

	unload();
	irq_restore(flags);
}

static void unload_vcpu(void *arg)
{
	if (this_cpu(loaded_vcpu) == arg)
		unload();
}

void vcpu_sync_state(struct vcpu *v)
{
	uint32_t cpu = __atomic_load_n(&v->dirty_cpu, __ATOMIC_ACQUIRE);
	cpumask_t m = { { 0 } };

	if (cpu == NOT_DIRTY)
		return;
	cpumask_set_cpu(cpu, &m);
	on_selected_cpus(&m, unload_vcpu, v, true);
}

static void unload_domain(void *arg)
{
	struct vcpu *v = this_cpu(loaded_vcpu);

	if (v && v->domain == arg)
		unload();
}

void domain_flush_lazy(struct domain *d)
{
	cpumask_t m = d->dirty_cpus;

	if (!cpumask_empty(&m))
		on_selected_cpus(&m, unload_domain, d, true);
}

void context_switch_first(struct vcpu *v)
{
	current = v;
	jump_with_empty_stack(idle_loop);
}
