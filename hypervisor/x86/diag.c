/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the debug keys i, M, z, t, n and N show. Read without locks: a line that changes meanwhile may look odd. */
#include "x86/diag.h"
#include "x86/apic.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/irq_desc.h"
#include "x86/nmi.h"
#include "x86/time.h"

void irq_dump(void)
{
	for (unsigned i = 0; i < nr_irqs; i++) {
		const struct irq_desc *d = irq_desc(i);

		if (!d->chip || (!d->vector && !d->count))
			continue;
		printk("  IRQ %4u %-7s %s %s CPU%u vector %02x count %lu%s%s guests %u in flight %u %s\n", i, d->chip->name,
		       d->level ? "level" : "edge ", d->low ? "low " : "high", d->cpu, d->vector, (unsigned long)d->count,
		       d->masked ? " masked" : "", d->old_vector ? " moving" : "", d->nr_cookies, d->in_flight,
		       d->name ? d->name : "");
	}
}

static void show_irqs(char key)
{
	printk("Interrupt lines: %u GSIs, %u in all\n", nr_gsis, nr_irqs);
	irq_dump();
}

static void show_messages(char key)
{
	printk("Message-signalled interrupts:\n");
	for (unsigned i = nr_gsis; i < nr_irqs; i++) {
		const struct irq_desc *d = irq_desc(i);

		if (d->chip == &msi_chip)
			printk("  IRQ %4u %04x:%02x:%02x.%u %s entry %u CPU%u vector %02x%s\n", i, d->msi.seg, d->msi.bus,
			       d->msi.devfn >> 3, d->msi.devfn & 7, d->msi.msix ? "MSI-X" : "MSI", d->msi.entry, d->cpu, d->vector,
			       d->masked ? " masked" : "");
	}
}

static void show_ioapics(char key)
{
	ioapic_dump();
}

static void read_clock(void *times)
{
	((s_time_t *)times)[smp_processor_id()] = now();
}

static void show_clocks(char key)
{
	static s_time_t times[NR_CPUS];
	s_time_t first = now();
	unsigned c;

	on_selected_cpus(&cpu_online_map, read_clock, times, true);
	printk("System time %ld ns, TSC %lu kHz\n", (long)first, (unsigned long)tsc_khz);
	for_each_cpu(c, &cpu_online_map)
		printk("  CPU%u: asked, it read %ld ns later; offset of its TSC %ld\n", c, (long)(times[c] - first),
		       (long)time_tsc_offset(c));
}

static void show_nmis(char key)
{
	unsigned c;

	for_each_cpu(c, &cpu_online_map)
		printk("  CPU%u: %u NMIs\n", c, nmi_count(c));
	printk("  Watchdog: %s\n", watchdog_on ? "on" : "off");
}

static void send_nmi(char key)
{
	printk("An NMI for this CPU (CPU%u)\n", smp_processor_id());
	apic_send(cpu_topology[smp_processor_id()].apic_id, APIC_DM_NMI | APIC_ASSERT);
}

void diag_init(void)
{
	keyhandler_register('i', show_irqs, "dump interrupt bindings");
	keyhandler_register('M', show_messages, "dump MSI state");
	keyhandler_register('z', show_ioapics, "dump IOAPIC info");
	keyhandler_register('t', show_clocks, "display multi-cpu clock info");
	keyhandler_register('n', show_nmis, "NMI statistics");
	keyhandler_register('N', send_nmi, "trigger an NMI");
}
