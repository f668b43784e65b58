/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines: from the vector to whoever asked for the line.
 *
 * A level line of a guest is masked before the EOI and unmasked when every guest that shares it has said eoi; an edge is
 * acknowledged at once. A handler of ours runs before the EOI of a level line. Handlers and deliver run without the line's lock,
 * with in_progress set: irq_release and irq_guest_unbind wait for it, so they must not be called with a lock that the
 * handler takes.
 */
#include "x86/irq_desc.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/cpu_setup.h"
#include "x86/desc.h"
#include "x86/diag.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/ipi.h"
#include "x86/time.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

#define NR_ISA		16u
#define STACK_RESERVE	2048u
#define MSI_MIN		256u
#define MSI_PER_CPU	32u
#define IRQ_LIMIT	8192u
#define STORM_WINDOW	100000000l	/* ns */
#define STORM_COUNT	100000u		/* in one window: a million a second */
#define UNHANDLED_MAX	100u

unsigned nr_gsis = NR_ISA, nr_irqs;

static struct irq_desc *descs;
static const struct irq_guest_ops *guest_ops;
static DEFINE_SPINLOCK(msi_lock);	/* which MSI numbers are taken (descs[].chip) */

struct irq_desc *irq_desc(unsigned irq)
{
	return irq < nr_irqs ? &descs[irq] : NULL;
}

void irq_set_guest_ops(const struct irq_guest_ops *ops)
{
	guest_ops = ops;
}

static void set_isa_defaults(void)
{
	for (unsigned i = 0; i < NR_ISA && i < nr_gsis; i++)
		descs[i].level = descs[i].low = false;
	for (unsigned i = 0; i < NR_ISA; i++)
		if (acpi.isa_irq[i].present && acpi.isa_irq[i].gsi < nr_gsis) {
			descs[acpi.isa_irq[i].gsi].level = acpi.isa_irq[i].level;
			descs[acpi.isa_irq[i].gsi].low = acpi.isa_irq[i].low;
		}
}

void irq_init(void)
{
	unsigned order = 0;

	apic_init();
	ioapic_init();
	nr_irqs = nr_gsis + MAX(MSI_MIN, acpi.nr_cpus * MSI_PER_CPU);
	nr_irqs = MIN(nr_irqs, IRQ_LIMIT);
	while ((PAGE_SIZE << order) < nr_irqs * sizeof(*descs))
		order++;
	descs = x86_alloc_pages(order);
	if (!descs)
		panic("No memory for %u interrupt lines", nr_irqs);
	for (unsigned i = 0; i < nr_irqs; i++) {
		spin_lock_init(&descs[i].lock);
		descs[i].irq = i;
		descs[i].masked = true;
		descs[i].chip = i < nr_gsis && acpi.nr_ioapics ? &ioapic_chip : NULL;
		descs[i].level = descs[i].low = i < nr_gsis;
	}
	set_isa_defaults();
	printk(LOG_INFO "Interrupts: %u GSIs, %u MSIs\n", nr_gsis, nr_irqs - nr_gsis);
	diag_init();
	irq_enable();
}

/* Gives an idle line a vector. Line locked. */
static int line_start(struct irq_desc *d, const cpumask_t *mask)
{
	unsigned cpu, vector;
	int rc;

	if (d->vector)
		return 0;
	rc = vectors_alloc(mask, d->irq, 1, &cpu, &vector);
	if (rc)
		return rc;
	d->cpu = cpu;
	d->vector = vector;
	d->chip->aim(d);
	return 0;
}

static DEFINE_PER_CPU(bool, look_at_vectors);	/* a line has moved away from this CPU */

static void free_old_vector(struct irq_desc *d)
{
	if (!d->old_vector)
		return;
	vector_free(d->old_cpu, d->old_vector);
	d->old_vector = 0;
}

/*
 * A line's old place, on the CPU where it is. An interrupt that the device sent before it was aimed anew waits in this CPU's
 * local APIC, however long the CPU takes; if none does, none will come. Line locked.
 */
static void leave_old_place(struct irq_desc *d)
{
	if (d->old_vector && d->old_cpu == smp_processor_id() && !apic_vector_busy(d->old_vector))
		free_old_vector(d);
}

static void look_at_old_places(void)
{
	this_cpu(look_at_vectors) = false;
	mb();
	for (unsigned v = VECTOR_DYNAMIC_FIRST; v <= VECTOR_DYNAMIC_LAST; v++) {
		unsigned n = this_cpu(vector_irq)[v];
		struct irq_desc *d = n ? &descs[n - 1] : NULL;

		if (!d || READ_ONCE(d->old_vector) != v)
			continue;
		spin_lock(&d->lock);
		if (d->old_vector == v)
			leave_old_place(d);
		spin_unlock(&d->lock);
	}
}

/* Line locked, just aimed at its new place. */
static void ask_old_place(struct irq_desc *d)
{
	if (!cpu_online(d->old_cpu)) {
		free_old_vector(d);
	} else if (d->old_cpu == smp_processor_id()) {
		leave_old_place(d);
	} else {
		WRITE_ONCE(per_cpu(look_at_vectors, d->old_cpu), true);
		smp_send_event_check(d->old_cpu);
	}
}

/* Nobody is left: masked, vectors given back. Line locked, not in progress. */
static void line_stop(struct irq_desc *d)
{
	d->chip->mask(d);
	free_old_vector(d);
	/* MSIs keep theirs until msi_unmap: the block belongs together. */
	if (d->chip == &ioapic_chip && d->vector) {
		vector_free(d->cpu, d->vector);
		d->vector = 0;
	}
	d->in_flight = 0;
	d->unhandled = d->window_count = 0;
}

static void wait_idle(struct irq_desc *d, unsigned long *flags)
{
	while (d->in_progress) {
		spin_unlock_irqrestore(&d->lock, *flags);
		cpu_relax();
		*flags = spin_lock_irqsave(&d->lock);
	}
}

int irq_request(unsigned irq, void (*fn)(unsigned irq, void *arg), void *arg, const char *name)
{
	struct irq_desc *d = irq_desc(irq);
	unsigned long flags;
	int rc = -EBUSY;

	if (!d || !d->chip || !fn)
		return -EINVAL;
	flags = spin_lock_irqsave(&d->lock);
	if (!d->fn && !d->nr_cookies) {
		rc = line_start(d, &cpu_online_map);
		if (!rc) {
			d->arg = arg;
			d->name = name;
			d->fn = fn;
			d->chip->unmask(d);
		}
	}
	spin_unlock_irqrestore(&d->lock, flags);
	return rc;
}

void irq_release(unsigned irq)
{
	struct irq_desc *d = irq_desc(irq);
	unsigned long flags;

	if (!d || !d->chip)
		return;
	flags = spin_lock_irqsave(&d->lock);
	if (d->fn) {
		d->chip->mask(d);
		wait_idle(d, &flags);
		d->fn = NULL;
		line_stop(d);
	}
	spin_unlock_irqrestore(&d->lock, flags);
}

int irq_guest_bind(unsigned irq, void *cookie, bool share)
{
	struct irq_desc *d = irq_desc(irq);
	unsigned long flags;
	int rc = -EBUSY;

	if (!d || !d->chip || !cookie)
		return -EINVAL;
	flags = spin_lock_irqsave(&d->lock);
	if (d->fn || (d->nr_cookies && (!share || !d->shareable || d->nr_cookies == IRQ_MAX_SHARE)))
		goto out;
	for (unsigned i = 0; i < d->nr_cookies; i++)
		if (d->cookie[i] == cookie)
			goto out;
	rc = line_start(d, &cpu_online_map);
	if (rc)
		goto out;
	d->shareable = share;
	d->name = "guest";
	d->cookie[d->nr_cookies++] = cookie;
	if (!d->in_flight)
		d->chip->unmask(d);
out:
	spin_unlock_irqrestore(&d->lock, flags);
	return rc;
}

void irq_guest_unbind(unsigned irq, void *cookie)
{
	struct irq_desc *d = irq_desc(irq);
	unsigned long flags;
	unsigned i;

	if (!d || !d->chip)
		return;
	flags = spin_lock_irqsave(&d->lock);
	for (i = 0; i < d->nr_cookies && d->cookie[i] != cookie; i++)
		;
	if (i < d->nr_cookies) {
		d->cookie[i] = d->cookie[--d->nr_cookies];
		wait_idle(d, &flags);
		if (!d->nr_cookies) {
			line_stop(d);
		} else if (d->in_flight) {
			/* Whether the one that left had said eoi is not known: at worst the others see one interrupt more. */
			d->in_flight = 0;
			d->chip->unmask(d);
		}
	}
	spin_unlock_irqrestore(&d->lock, flags);
}

void irq_guest_eoi(unsigned irq)
{
	struct irq_desc *d = irq_desc(irq);
	unsigned long flags;

	if (!d || !d->chip)
		return;
	flags = spin_lock_irqsave(&d->lock);
	if (d->in_flight && --d->in_flight == 0 && d->nr_cookies)
		d->chip->unmask(d);
	spin_unlock_irqrestore(&d->lock, flags);
}

bool irq_needs_eoi(unsigned irq)
{
	const struct irq_desc *d = irq_desc(irq);

	return d && d->chip && d->level;
}

/*
 * Moves the line to a CPU of mask. The old vector stays taken until the old CPU has seen that no interrupt waits there.
 * -EINVAL: no such line; -ENOSPC: no CPU of mask is online or has a vector left; -EBUSY: it is still moving; -EOPNOTSUPP: a
 * message that cannot be masked.
 */
int irq_set_affinity(unsigned irq, const cpumask_t *mask)
{
	struct irq_desc *d = irq_desc(irq);
	unsigned long flags;
	unsigned cpu, vector;
	int rc = 0;

	if (!d || !d->chip)
		return -EINVAL;
	flags = spin_lock_irqsave(&d->lock);
	if (!d->vector || (cpumask_test_cpu(d->cpu, mask) && cpu_online(d->cpu)))
		goto out;
	if (d->chip == &msi_chip && !msi_can_move(d))
		rc = -EOPNOTSUPP;
	else
		rc = d->old_vector ? -EBUSY : vectors_alloc(mask, irq, 1, &cpu, &vector);
	if (rc)
		goto out;
	d->old_cpu = d->cpu;
	d->old_vector = d->vector;
	d->cpu = cpu;
	d->vector = vector;
	d->chip->aim(d);
	ask_old_place(d);
out:
	spin_unlock_irqrestore(&d->lock, flags);
	return rc;
}

/* A block of messages that the device cannot mask: they keep their vectors, so that one write of the address moves them all. */
static int move_block(struct irq_desc *d)
{
	unsigned first = d->irq - d->msi.entry, n = d->msi.block, cpu;
	struct irq_desc *f = &descs[first];
	unsigned long flags;
	int rc;

	for (unsigned i = 0; i < n; i++)
		if (READ_ONCE(f[i].old_vector))
			return -EBUSY;
	rc = vectors_alloc_same(first, n, f->vector, &cpu);
	if (rc)
		return rc;
	for (unsigned i = 0; i < n; i++) {
		flags = spin_lock_irqsave(&f[i].lock);
		f[i].old_cpu = f[i].cpu;
		f[i].old_vector = f[i].vector;
		f[i].cpu = cpu;
		if (!i)
			f->chip->aim(f);
		ask_old_place(&f[i]);
		spin_unlock_irqrestore(&f[i].lock, flags);
	}
	return 0;
}

int irq_leave_cpu(unsigned cpu)
{
	cpumask_t others = cpu_online_map;
	int rc = 0;

	cpumask_clear_cpu(cpu, &others);
	vectors_leave_cpu(cpu);
	for (unsigned irq = 0; irq < nr_irqs && !rc; irq++) {
		struct irq_desc *d = &descs[irq];

		if (!READ_ONCE(d->chip) || !READ_ONCE(d->vector) || READ_ONCE(d->cpu) != cpu)
			continue;
		rc = irq_set_affinity(irq, &others);
		if (rc == -EOPNOTSUPP)
			rc = move_block(d);
	}
	return rc;
}

void irq_left_cpu(unsigned cpu)
{
	for (unsigned irq = 0; irq < nr_irqs && cpu != NR_CPUS; irq++) {
		struct irq_desc *d = &descs[irq];
		unsigned long flags = spin_lock_irqsave(&d->lock);

		if (d->old_vector && d->old_cpu == cpu)
			free_old_vector(d);
		spin_unlock_irqrestore(&d->lock, flags);
	}
	vectors_leave_cpu(NR_CPUS);
}

int irq_take_msi(unsigned n, const struct irq_chip *chip, unsigned *first)
{
	unsigned long flags = spin_lock_irqsave(&msi_lock);
	unsigned run = 0, i;

	for (i = nr_gsis; i < nr_irqs && run < n; i++)
		run = descs[i].chip ? 0 : run + 1;
	if (run == n)
		for (unsigned k = i - n; k < i; k++) {
			descs[k].level = descs[k].low = false;
			descs[k].masked = true;
			descs[k].count = 0;
			descs[k].chip = chip;
		}
	spin_unlock_irqrestore(&msi_lock, flags);
	*first = i - n;
	return run == n ? 0 : -ENOSPC;
}

const struct irq_remapper *irq_remapper;

void irq_set_remapper(const struct irq_remapper *r)
{
	irq_remapper = r;
	for (unsigned i = 0; i < nr_irqs; i++) {
		unsigned long flags = spin_lock_irqsave(&descs[i].lock);

		if (descs[i].chip && descs[i].vector)
			descs[i].chip->aim(&descs[i]);
		spin_unlock_irqrestore(&descs[i].lock, flags);
	}
}

void irq_give_back_msi(unsigned irq)
{
	struct irq_desc *d = &descs[irq];
	unsigned long flags = spin_lock_irqsave(&d->lock);

	wait_idle(d, &flags);
	if (irq_remapper)
		irq_remapper->drop(d);
	free_old_vector(d);
	if (d->vector)
		vector_free(d->cpu, d->vector);
	d->vector = 0;
	d->nr_cookies = 0;
	d->fn = NULL;
	d->chip = NULL;
	spin_unlock_irqrestore(&d->lock, flags);
}

/* Masks a line that floods the CPU or that nobody wants; says so. Line locked. */
static void check_flood(struct irq_desc *d)
{
	s_time_t t = now();

	if (t - d->window_start > STORM_WINDOW) {
		d->window_start = t;
		d->window_count = 0;
	}
	if (++d->window_count == STORM_COUNT) {
		d->chip->mask(d);
		printk(LOG_ERR "IRQ %u: more than %u interrupts in %u ms: masked\n", d->irq, STORM_COUNT,
		       (unsigned)(STORM_WINDOW / 1000000));
	}
}

static void unhandled(struct irq_desc *d)
{
	d->unhandled++;
	if (d->unhandled <= 5)
		printk(LOG_WARN "IRQ %u (vector %x, CPU%u): nobody handles it\n", d->irq, d->vector, d->cpu);
	if (d->unhandled == UNHANDLED_MAX) {
		printk(LOG_WARN "IRQ %u: masked after %u unhandled interrupts\n", d->irq, UNHANDLED_MAX);
		d->chip->mask(d);
	}
}

/* Line locked; returns with it locked. */
static void run_handler(struct irq_desc *d)
{
	void (*fn)(unsigned irq, void *arg) = d->fn;
	void *arg = d->arg;

	d->in_progress = true;
	if (!d->level)
		apic_eoi();
	do {
		d->again = false;
		spin_unlock(&d->lock);
		fn(d->irq, arg);
		spin_lock(&d->lock);
	} while (d->again);
	if (d->level) {
		apic_eoi();
		if (d->chip->eoi)
			d->chip->eoi(d);
	}
	d->in_progress = false;
}

static void run_guests(struct irq_desc *d)
{
	void *cookie[IRQ_MAX_SHARE];
	unsigned n = d->nr_cookies;

	for (unsigned i = 0; i < n; i++)
		cookie[i] = d->cookie[i];
	if (d->level) {
		d->chip->mask(d);
		d->in_flight = n;
	}
	d->in_progress = true;
	apic_eoi();
	do {
		d->again = false;
		spin_unlock(&d->lock);
		for (unsigned i = 0; i < n; i++)
			guest_ops->deliver(d->irq, cookie[i]);
		spin_lock(&d->lock);
	} while (d->again);
	d->in_progress = false;
}

static void stray_vector(unsigned vector)
{
	static unsigned said;

	apic_eoi();
	if (said++ < 10)
		printk(LOG_WARN "CPU%u: interrupt at vector %x, which no line has\n", smp_processor_id(), vector);
}

static void line_interrupt(unsigned vector)
{
	unsigned n = this_cpu(vector_irq)[vector];
	struct irq_desc *d;

	if (!n) {
		stray_vector(vector);
		return;
	}
	d = &descs[n - 1];
	spin_lock(&d->lock);
	d->count++;
	if (!d->chip || d->in_progress || d->in_flight || !(d->fn || d->nr_cookies)) {
		apic_eoi();
		/* A level line that moved is heard at both places; if it is still up at the end, it comes again. */
		if (d->in_progress)
			d->again = !d->level;
		else if (d->chip && !d->in_flight)
			unhandled(d);
	} else {
		check_flood(d);
		if (d->fn)
			run_handler(d);
		else
			run_guests(d);
	}
	if (unlikely(d->old_vector == vector))
		leave_old_place(d);
	spin_unlock(&d->lock);
}

static void legacy_vector(unsigned vector)
{
	static unsigned said;

	if (said++ < 5)
		printk(LOG_DEBUG "CPU%u: spurious interrupt of the 8259 (line %u)\n", smp_processor_id(), vector - VECTOR_PIC);
}

/* There is no guard page below the stack: what comes near the NMI and #DB stacks ends here, before it does harm. */
static void check_stack(const struct cpu_user_regs *regs)
{
	uint64_t room = regs->rsp - ((uint64_t)cpu_info() & ~(STACK_SIZE - 1));

	if (unlikely(room < (STACK_GUARD_PAGE + 1) * PAGE_SIZE + STACK_RESERVE))
		panic("CPU%u: stack nearly used up: %ld bytes left", smp_processor_id(),
		      (long)(room - (STACK_GUARD_PAGE + 1) * PAGE_SIZE));
}

static DEFINE_PER_CPU(uint32_t, taken)[VECTOR_SPURIOUS - VECTOR_TIMER];

uint32_t irq_taken(unsigned cpu, unsigned vector)
{
	return READ_ONCE(per_cpu(taken, cpu)[vector - VECTOR_TIMER]);
}

void irq_taken_forget(void)
{
	unsigned cpu;

	for_each_cpu(cpu, &cpu_online_map)
		memset(per_cpu(taken, cpu), 0, sizeof(per_cpu(taken, cpu)));
}

/* All vectors from 32 on but 0x80; called by entry.S with interrupts off. */
void do_irq(struct cpu_user_regs *regs);
void do_irq(struct cpu_user_regs *regs)
{
	unsigned vector = regs->entry_vector;

	if (!guest_mode(regs))
		check_stack(regs);
	switch (vector) {
	case VECTOR_DYNAMIC_FIRST ... VECTOR_DYNAMIC_LAST:
		line_interrupt(vector);
		return;
	case VECTOR_PIC ... VECTOR_DYNAMIC_FIRST - 1:
		legacy_vector(vector);
		return;
	case VECTOR_SPURIOUS:
		return;			/* no EOI (SDM 11.9) */
	}
	apic_eoi();
	this_cpu(taken)[vector - VECTOR_TIMER]++;
	if (vector == VECTOR_TIMER)
		apic_timer_interrupt();
	else if (vector == VECTOR_TLB)
		ipi_tlb_interrupt();
	else if (vector == VECTOR_CALL)
		ipi_call_interrupt();
	else if (vector == VECTOR_ERROR)
		apic_error_interrupt();
	else if (unlikely(this_cpu(look_at_vectors)))
		look_at_old_places();
	/* VECTOR_EVENT_CHECK: the way back looks at the softirqs. */
}
