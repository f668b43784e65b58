// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_irq.h x86/irq.c x86/vector.c lib/string.c lib/bitmap.c
/*
 * Story: devices raise interrupts while their lines move between four CPUs, each of which takes what waits in its local APIC
 * as late as it likes. What would be wrong: an interrupt that nobody hears of; one at a vector that no line has; a level line
 * that is heard again before its guest said eoi; or, at the end, a vector that is still taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "x86/irq_desc.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/hooks.h"
#include "x86/traps.h"
#include "lib/errno.h"

#define CPUS 4u
#define GSIS 24u
#define LINES 40u		/* the rest are messages */

void do_irq(struct cpu_user_regs *regs);

unsigned host_cpu_nr;
char *host_percpu[CPUS];
struct cpu_info host_cpu_infos[CPUS];
cpumask_t cpu_online_map;
struct cpu_topology cpu_topology[NR_CPUS];
struct acpi_info acpi;
static char messages[4096];

static struct { bool irr[256], isr[256], event_check; } cpus[CPUS];
static struct {
	unsigned cpu, vector;	/* where it is aimed */
	bool masked, held;	/* held: raised while masked, or a level line that is up */
	bool remote_irr;	/* level: sent, and no EOI for its vector since */
	bool owed;		/* raised, and nobody has heard of it since */
	bool waits_for_eoi;
} lines[LINES];

static unsigned chance(unsigned n) { return (unsigned)rand() % n; }

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(messages, sizeof(messages), fmt, ap);
	va_end(ap);
	if (strstr(messages, "which no line has") || strstr(messages, "nobody handles"))
		fail_msg("%s", messages);
}
void panic(const char *fmt, ...) { abort(); }
s_time_t now(void) { static s_time_t t; return t += 1000; }
void apic_init(void) { }
void diag_init(void) { }
void ioapic_init(void) { nr_gsis = GSIS; }
void ipi_call_interrupt(void) { }
void ipi_tlb_interrupt(void) { }
void apic_timer_interrupt(void) { }
void apic_error_interrupt(void) { }
void smp_send_event_check(unsigned cpu) { cpus[cpu].event_check = true; }
static void *pages(unsigned order) { return calloc(1, PAGE_SIZE << order); }
void *(*x86_alloc_pages)(unsigned order) = pages;

bool apic_vector_busy(unsigned vector) { return cpus[host_cpu_nr].irr[vector] || cpus[host_cpu_nr].isr[vector]; }

static void send(unsigned n)
{
	if (lines[n].masked || !lines[n].held || lines[n].remote_irr)
		return;
	cpus[lines[n].cpu].irr[lines[n].vector] = true;
	if (irq_desc(n)->level)
		lines[n].remote_irr = true;
	else
		lines[n].held = false;
}

/* The highest in service; the IO-APIC hears of it, whichever CPU says it. */
void apic_eoi(void)
{
	unsigned v = 256;

	while (v-- > 0 && !cpus[host_cpu_nr].isr[v])
		;
	assert_true(v < 256);
	cpus[host_cpu_nr].isr[v] = false;
	for (unsigned n = 0; n < GSIS; n++)
		if (lines[n].remote_irr && lines[n].vector == v) {
			lines[n].remote_irr = false;
			send(n);
		}
}

static void chip_mask(struct irq_desc *d) { lines[d->irq].masked = d->masked = true; }
static void chip_unmask(struct irq_desc *d)
{
	lines[d->irq].masked = d->masked = false;
	send(d->irq);
}
static void chip_aim(struct irq_desc *d)
{
	lines[d->irq].cpu = d->cpu;
	lines[d->irq].vector = d->vector;
	lines[d->irq].remote_irr = false;
	send(d->irq);
}
const struct irq_chip ioapic_chip = { "IO-APIC", chip_mask, chip_unmask, chip_aim, NULL };
const struct irq_chip msi_chip = { "MSI", chip_mask, chip_unmask, chip_aim, NULL };
bool msi_can_move(const struct irq_desc *d) { return true; }

static void hear(unsigned irq, void *cookie)
{
	assert_ptr_equal(cookie, &lines[irq]);
	assert_false(lines[irq].waits_for_eoi);
	lines[irq].owed = false;
	if (irq_desc(irq)->level) {
		lines[irq].held = false;	/* the driver quiets its device */
		lines[irq].waits_for_eoi = true;
	}
}
static const struct irq_guest_ops ops = { hear };

static void raise(unsigned n)
{
	if (lines[n].waits_for_eoi)
		return;
	lines[n].owed = lines[n].held = true;
	send(n);
}

static void eoi(unsigned n)
{
	if (!lines[n].waits_for_eoi)
		return;
	lines[n].waits_for_eoi = false;
	irq_guest_eoi(n);
}

/* One interrupt, or what an event check does. False: nothing waits. */
static bool take(unsigned cpu)
{
	struct cpu_user_regs regs = { .cs = 3 };

	host_cpu_nr = cpu;
	for (unsigned v = 256; v-- > 0;)
		if (cpus[cpu].irr[v]) {
			cpus[cpu].irr[v] = false;
			cpus[cpu].isr[v] = true;
			regs.entry_vector = v;
			do_irq(&regs);
			return true;
		}
	if (!cpus[cpu].event_check)
		return false;
	cpus[cpu].event_check = false;
	cpus[cpu].isr[VECTOR_EVENT_CHECK] = true;
	regs.entry_vector = VECTOR_EVENT_CHECK;
	do_irq(&regs);
	return true;
}

static void move(unsigned n)
{
	cpumask_t to = { 0 };

	host_cpu_nr = chance(CPUS);
	cpumask_set_cpu(chance(CPUS), &to);
	int rc = irq_set_affinity(n, &to);

	assert_true(rc == 0 || rc == -EBUSY);
}

static void start(void)
{
	size_t size = __stop_percpu - __start_percpu;
	unsigned first;

	memset(cpus, 0, sizeof(cpus));
	memset(lines, 0, sizeof(lines));
	acpi.nr_cpus = CPUS;
	acpi.nr_ioapics = 1;
	for (unsigned c = 0; c < CPUS; c++) {
		host_percpu[c] = calloc(1, size);
		cpumask_set_cpu(c, &cpu_online_map);
		cpu_topology[c].apic_id = c;
	}
	host_cpu_nr = 0;
	irq_init();
	irq_set_guest_ops(&ops);
	assert_int_equal(irq_take_msi(LINES - GSIS, &msi_chip, &first), 0);
	assert_int_equal(first, GSIS);
	for (unsigned n = 0; n < LINES; n++) {
		lines[n].masked = true;
		assert_int_equal(irq_guest_bind(n, &lines[n], false), 0);
	}
}

static void drain(void)
{
	for (unsigned n = 0; n < LINES; n++)
		eoi(n);
	for (bool more = true; more;) {
		more = false;
		for (unsigned c = 0; c < CPUS; c++)
			while (take(c))
				more = true;
		for (unsigned n = 0; n < LINES; n++)
			eoi(n);
	}
}

static void end(void)
{
	drain();
	for (unsigned n = 0; n < LINES; n++) {
		assert_false(lines[n].owed);
		irq_guest_unbind(n, &lines[n]);
		if (n >= GSIS)
			irq_give_back_msi(n);
	}
	for (unsigned c = 0; c < CPUS; c++) {
		for (unsigned v = 0; v < 256; v++)
			assert_int_equal(per_cpu(vector_irq, c)[v], 0);
		free(host_percpu[c]);
	}
	free(irq_desc(0));
}

/* Each CPU is slow in its turn: what waits there waits for thousands of moves. */
static void test_lines_move(void **state)
{
	start();
	for (unsigned i = 0; i < 400000; i++) {
		unsigned slow = i / 4000 % (CPUS + 1), cpu = chance(CPUS);

		switch (chance(4)) {
		case 0: raise(chance(LINES)); break;
		case 1: move(chance(LINES)); break;
		case 2: eoi(chance(LINES)); break;
		default:
			if (cpu != slow)
				take(cpu);
		}
	}
	end();
}

/* A line moves while its interrupt waits at the old place; it cannot move again until the old CPU has looked. */
static void test_old_place_is_kept(void **state)
{
	cpumask_t to = { 0 };
	unsigned old;

	start();
	old = lines[30].cpu;
	raise(30);
	cpumask_set_cpu((old + 1) % CPUS, &to);
	host_cpu_nr = (old + 1) % CPUS;
	assert_int_equal(irq_set_affinity(30, &to), 0);
	to = (cpumask_t){ 0 };
	cpumask_set_cpu(old, &to);
	assert_int_equal(irq_set_affinity(30, &to), -EBUSY);
	assert_true(lines[30].owed);
	while (take(old))
		;
	assert_false(lines[30].owed);
	assert_int_equal(irq_set_affinity(30, &to), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_move),
		cmocka_unit_test(test_old_place_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
