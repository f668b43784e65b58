/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NMIs, and the watchdog.
 *
 * The watchdog needs no performance counter: each CPU's timer interrupt, once a second, looks when this CPU and the next
 * online one last ran their timer softirq, which a CPU does that neither spins with interrupts off nor loops in the hypervisor.
 * A stuck neighbour gets an NMI and panics where it stands. On a machine with one CPU a loop with interrupts off is not seen.
 *
 * The handler runs on the NMI stack, may strike anywhere, and takes no lock but that of showing one CPU at a time.
 */
#include "x86/nmi.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/page.h"
#include "x86/panic.h"
#include "x86/spec_ctrl.h"
#include "x86/time.h"
#include "x86/traps.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define X86_IF 0x200u

enum { NMI_STOP = 1, NMI_SHOW = 2, NMI_STUCK = 4 };

bool watchdog_on;
void (*nmi_platform_hook)(uint8_t reason);

static DEFINE_PER_CPU(volatile uint32_t, nmi_reason);
static DEFINE_PER_CPU(volatile s_time_t, last_progress);
static DEFINE_PER_CPU(uint64_t, busy_rip);	/* where a CPU was that could not print itself */
static void (*volatile show_fn)(const struct cpu_user_regs *regs);
static DEFINE_PER_CPU(unsigned, nmis);
static atomic_t to_answer;
static DEFINE_SPINLOCK(show_lock);	/* one CPU's registers at a time; taken in NMIs only */
static atomic_t suspended;
static s_time_t watchdog_limit = 5000000000l;
static bool opt_watchdog;

static void parse_watchdog(const char *value)
{
	bool ok, v = cmdline_bool(value, &ok);

	if (strcmp(value, "force") == 0)
		opt_watchdog = true;
	else if (ok)
		opt_watchdog = v;
}
static void parse_watchdog_timeout(const char *value)
{
	unsigned long s = strtoul(value, NULL, 10);

	if (s) {
		watchdog_limit = (s_time_t)MIN(s, 3600ul) * 1000000000l;
		opt_watchdog = true;
	}
}
BOOT_PARAM(watchdog, "watchdog", parse_watchdog, "panic when a CPU is stuck in the hypervisor (default off)");
BOOT_PARAM(watchdog_timeout, "watchdog_timeout", parse_watchdog_timeout, "seconds until a CPU counts as stuck (default 5)");

/* The console's lock is only held with interrupts off: what had them on does not hold it. */
static bool may_print(const struct cpu_user_regs *regs)
{
	return regs->rflags & X86_IF;
}

/* stop: the panicking CPU has broken the console's lock. */
static void show_one(struct cpu_user_regs *regs, bool stop)
{
	void (*fn)(const struct cpu_user_regs *) = show_fn;

	if (fn && (stop || may_print(regs))) {
		spin_lock(&show_lock);
		fn(regs);
		spin_unlock(&show_lock);
	} else if (fn) {
		WRITE_ONCE(this_cpu(busy_rip), regs->rip);
	}
	atomic_dec(&to_answer);
}

/* Port 0x61 says which of the board's two reasons it was; toggling its mask re-arms it. Source: ICH9 13.7.1. */
static void platform_nmi(const struct cpu_user_regs *regs)
{
	uint8_t status = inb(0x61);

	if (may_print(regs))
		printk(LOG_ERR "NMI: %s\n", status & 0x80 ? "PCI system error" : status & 0x40 ? "I/O check" : "unknown origin");
	if (nmi_platform_hook)
		nmi_platform_hook(status & 0xc0);
	if (status & 0xc0) {
		outb(0x61, (status & 0x0f) | (status & 0x80 ? 4 : 0) | (status & 0x40 ? 8 : 0));
		outb(0x61, status & 0x0f & ~0x0cu);
	}
}

static void stuck(struct cpu_user_regs *regs)
{
	panic_at(regs, "Watchdog: CPU%u is stuck: no timer softirq for %ld s", smp_processor_id(),
		 (long)((now() - this_cpu(last_progress)) / 1000000000));
}

void nmi_handler(struct cpu_user_regs *regs)
{
	uint64_t cr2 = read_cr2();
	uint32_t was = spec_nmi_enter(), reason = xchg(&this_cpu(nmi_reason), 0);

	this_cpu(nmis)++;
	if (reason & NMI_STOP) {
		show_one(regs, true);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	if (reason & NMI_SHOW)
		show_one(regs, false);
	if ((reason & NMI_STUCK) && now() - this_cpu(last_progress) > watchdog_limit)
		stuck(regs);
	/* Only the boot CPU is wired to the board's. */
	if (!reason && smp_processor_id() == 0)
		platform_nmi(regs);
	__asm__ volatile("mov %0, %%cr2" :: "r"(cr2));
	spec_nmi_leave(was, guest_mode(regs));
}

unsigned nmi_count(unsigned cpu)
{
	return per_cpu(nmis, cpu);
}

static void nmi_cpu(unsigned cpu, uint32_t reason)
{
	__atomic_fetch_or(&per_cpu(nmi_reason, cpu), reason, __ATOMIC_SEQ_CST);
	apic_send(cpu_topology[cpu].apic_id, APIC_DM_NMI | APIC_ASSERT);
}

static void nmi_others(void (*show)(const struct cpu_user_regs *regs), uint32_t reason)
{
	unsigned self = smp_processor_id(), c;
	s_time_t end = now() + 1000000000l;
	cpumask_t others = cpu_online_map;

	cpumask_clear_cpu(self, &others);
	if (cpumask_empty(&others))
		return;
	show_fn = show;
	atomic_set(&to_answer, cpumask_weight(&others));
	for_each_cpu(c, &others)
		nmi_cpu(c, reason);
	while (atomic_read(&to_answer) > 0 && now() < end)
		cpu_relax();
}

void smp_stop_others(void (*show)(const struct cpu_user_regs *regs))
{
	static bool stopped;

	if (!stopped) {
		stopped = true;
		nmi_others(show, NMI_STOP);
	}
}

void smp_show_others(void (*show)(const struct cpu_user_regs *regs))
{
	unsigned c;

	nmi_others(show, NMI_SHOW);
	for_each_cpu(c, &cpu_online_map) {
		uint64_t rip = xchg(&per_cpu(busy_rip, c), 0);

		if (rip)
			printk("*** CPU%u: *** interrupts off at %pS\n", c, (void *)rip);
	}
}

void watchdog_progress(void)
{
	this_cpu(last_progress) = now();
}

void watchdog_suspend(bool off)
{
	unsigned c;

	/* What passed while it was off does not count. */
	if (!off)
		for_each_cpu(c, &cpu_online_map)
			per_cpu(last_progress, c) = now();
	if (off)
		atomic_inc(&suspended);
	else
		atomic_dec(&suspended);
}

void watchdog_check(void)
{
	unsigned self = smp_processor_id(), next = cpumask_next(self, &cpu_online_map);
	s_time_t t = now(), seen;

	if (atomic_read(&suspended))
		return;
	if (t - this_cpu(last_progress) > watchdog_limit)
		nmi_cpu(self, NMI_STUCK);
	if (next >= NR_CPUS)
		next = cpumask_first(&cpu_online_map);
	seen = per_cpu(last_progress, next);
	/* 0: it has not begun yet */
	if (next != self && seen && t - seen > watchdog_limit)
		nmi_cpu(next, NMI_STUCK);
}

void watchdog_start_cpu(void)
{
	if (!watchdog_on)
		return;
	watchdog_progress();
	apic_timer_watch();
}

static void watch_this_cpu(void *unused) { watchdog_start_cpu(); }

void watchdog_init(void)
{
	if (!opt_watchdog)
		return;
	watchdog_on = true;
	on_selected_cpus(&cpu_online_map, watch_this_cpu, NULL, true);
	printk(LOG_INFO "Watchdog: a CPU that is stuck for %ld s panics\n", (long)(watchdog_limit / 1000000000));
}
