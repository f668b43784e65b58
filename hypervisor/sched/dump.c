/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys of domains and the scheduler: q (domains), r (run queues), 0 (dom0's registers). */
#include "sched/private.h"
#include "domain/notify.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/time.h"
#include "x86/traps.h"

static void dump_mask(const char *what, const cpumask_t *m)
{
	unsigned cpu, end;

	printk("%s={", what);
	for (cpu = cpumask_first(m); cpu < NR_CPUS; cpu = cpumask_next(end, m)) {
		for (end = cpu; end + 1 < NR_CPUS && cpumask_test_cpu(end + 1, m); end++)
			;
		if (end == cpu)
			printk(" %u", cpu);
		else
			printk(" %u-%u", cpu, end);
	}
	printk(" }");
}

static void dump_vcpu(struct vcpu *v)
{
	static const char *const places[] = { "off", "queued", "running", "parked" };

	printk("    VCPU%u: CPU%u [%s%s] flags=%x pause=%d poll=%u upcall_pend=%02x upcall_mask=%02x", v->id, v->processor,
	       places[v->sched->e.place], v->is_running ? ", on CPU" : "", v->pause_flags, atomic_read(&v->pause_count),
	       v->sched->poll_port, v->info->evtchn_upcall_pending, v->info->evtchn_upcall_mask);
	if (v->dirty_cpu != ~0u)
		printk(" dirty_cpu=%u", v->dirty_cpu);
	dump_mask(" hard", &v->sched->hard);
	dump_mask(" soft", &v->sched->soft);
	printk("\n");
}

static void dump_domains(char key)
{
	static const char *const states[] = { "new", "alive", "dying", "dead" };
	struct domain *d;
	struct vcpu *v;

	printk("'%c' pressed -> dumping domain info (now = %ld)\n", key, (long)now());
	for_each_domain(d) {
		printk("General information for domain %u:\n", d->id);
		printk("    refcnt=%d %s pause_count=%d shutdown=%d code=%d\n", atomic_read(&d->refs), states[d->state],
		       atomic_read(&d->pause_count), d->is_shut_down, d->shutdown_code);
		printk("    nr_pages=%lu xenheap_pages=%lu shared_pages=%lu claimed=%lu max_pages=%lu", d->tot_pages,
		       d->xenheap_pages, d->shared_pages, d->outstanding_pages, d->max_pages);
		dump_mask(" dirty_cpus", &d->dirty_cpus);
		printk("\n    weight=%u cap=%u pool=%u handle=%02x%02x%02x%02x-...\n", d->sched->weight, d->sched->cap,
		       domain_cpupool(d), d->handle[0], d->handle[1], d->handle[2], d->handle[3]);
		for_each_vcpu(d, v) {
			softirq_process_some();
			if (v->sched)
				dump_vcpu(v);
		}
	}
}

static void dump_entity(const char *what, struct sched_vcpu *s)
{
	printk("    %s: d%uv%u vtime=%lu weight=%u\n", what, s->v->domain->id, s->v->id, (unsigned long)s->e.vtime, s->e.weight);
}

/* A copy under the lock, printed after: the console is slow. */
static void dump_runqueue(unsigned cpu)
{
	struct runqueue *rq = &per_cpu(runqueue, cpu);
	struct sched_vcpu *seen[16], *running;
	unsigned n = 0, nr;
	unsigned long flags = spin_lock_irqsave(&rq->lock);
	uint64_t vtime = rq->core.vtime, load = rq->core.load;

	running = sched_of(rq->core.running);
	nr = rq->core.nr_waiting;
	for (struct sched_entity *e = rq_first(&rq->core); e && n < ARRAY_SIZE(seen); e = rq_after(e))
		seen[n++] = sched_of(e);
	spin_unlock_irqrestore(&rq->lock, flags);
	printk("CPU[%02u] waiting=%u load=%lu vtime=%lu%s\n", cpu, nr, (unsigned long)load, (unsigned long)vtime,
	       cpumask_test_cpu(cpu, &idle_cpus) ? " idle" : "");
	if (running)
		dump_entity("run", running);
	for (unsigned i = 0; i < n; i++)
		dump_entity("wait", seen[i]);
}

static void dump_runqueues(char key)
{
	unsigned cpu;

	printk("Scheduler: virtual time (credit2), ratelimit %u us, now %ld\n", sched_ratelimit_ns / 1000, (long)now());
	for_each_cpu(cpu, &cpu_online_map) {
		dump_runqueue(cpu);
		softirq_process_some();
	}
}

static void dump_dom0(char key)
{
	struct vcpu *v;

	if (!dom0)
		return;
	printk("'%c' pressed -> dumping Dom0's registers\n", key);
	for_each_vcpu(dom0, v) {
		printk("*** Dumping Dom0 vcpu#%u state: ***\n", v->id);
		if (v == current) {
			show_registers(guest_cpu_user_regs());
			continue;
		}
		/* Not paused for this: the key may come from another vCPU of dom0 that does the same. */
		if (v->is_running)
			printk("on CPU%u: key d shows them\n", v->processor);
		vcpu_sync_state(v);
		if (!v->is_running)
			show_registers(&v->regs);
	}
}

void sched_dump_init(void)
{
	keyhandler_register('q', dump_domains, "dump domain (and guest debug) info");
	keyhandler_register('r', dump_runqueues, "dump run queues");
	keyhandler_register('0', dump_dom0, "dump Dom0 registers");
}
