/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: enabling, IPIs, and the one-shot timer that drives the scheduler (TSC deadline where there is one).
 *
 * x2APIC is used where the firmware left it on, where an APIC id needs it, or where the CPU has it and a hypervisor runs us;
 * bare machines without interrupt remapping stay with xAPIC, as Intel asks.
 */
#include "x86/apic.h"
#include "x86/acpi.h"
#include "x86/cpu_setup.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/nmi.h"
#include "x86/time.h"
#include "x86/traps.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define REG_ID		0x20
#define REG_TPR		0x80
#define REG_EOI		0xb0
#define REG_LDR		0xd0
#define REG_DFR		0xe0
#define REG_SVR		0xf0
#define REG_ISR		0x100
#define REG_IRR		0x200
#define REG_ESR		0x280
#define REG_ICR		0x300
#define REG_ICR2	0x310
#define REG_LVT_TIMER	0x320
#define REG_LVT_THERMAL	0x330
#define REG_LVT_PERF	0x340
#define REG_LVT_LINT0	0x350
#define REG_LVT_LINT1	0x360
#define REG_LVT_ERROR	0x370
#define REG_TIMER_INIT	0x380
#define REG_TIMER_NOW	0x390
#define REG_TIMER_DIV	0x3e0
#define LVT_MASKED	0x10000u
#define LVT_NMI		0x400u
#define TIMER_DEADLINE	0x40000u
#define TIMER_DIV_1	0xbu
#define ICR_BUSY	0x1000u
#define SVR_ENABLE	0x100u

#define BASE_X2APIC	(1ul << 10)
#define BASE_ENABLE	(1ul << 11)
#define WATCHDOG_PERIOD	1000000000l
#define MAX_DELTA	60000000000l	/* ns; times tsc_khz it fits 64 bits up to 300 GHz */
#define MSR_X2APIC	0x800u
#define MSR_TSC_DEADLINE 0x6e0u

bool x2apic_on;
void (*apic_timer_hook)(void), (*apic_turn_hook)(void);

static volatile char *registers;	/* xAPIC */
static bool apic_ready, timer_ready;
static uint64_t ticks_per_ns;		/* of the timer, times 2^32 */
static int opt_x2apic = -1;

static DEFINE_PER_CPU(s_time_t, timer_deadline);	/* what sched/ asked for; 0: nothing */
static DEFINE_PER_CPU(s_time_t, turn_deadline);		/* the end of the running vCPU's turn, likewise */
static DEFINE_PER_CPU(s_time_t, watchdog_deadline);
static DEFINE_PER_CPU(s_time_t, hardware_deadline);	/* what the timer is set to; 0: it has fired */

static void parse_x2apic(const char *value)
{
	bool ok, v = cmdline_bool(value, &ok);

	if (ok)
		opt_x2apic = v;
}
BOOT_PARAM(x2apic, "x2apic", parse_x2apic, "use the local APICs in x2APIC mode (default: where needed or safe)");

static uint32_t reg_read(unsigned reg)
{
	return x2apic_on ? (uint32_t)rdmsr(MSR_X2APIC + (reg >> 4)) : mmio_read32(registers + reg);
}

static void reg_write(unsigned reg, uint32_t v)
{
	if (x2apic_on)
		wrmsr(MSR_X2APIC + (reg >> 4), v);
	else
		mmio_write32(registers + reg, v);
}

uint32_t apic_id(void)
{
	uint32_t v = reg_read(REG_ID);

	return x2apic_on ? v : v >> 24;
}

void apic_eoi(void)
{
	reg_write(REG_EOI, 0);
}

void apic_send(uint32_t dest, uint32_t command)
{
	unsigned long flags;

	if (x2apic_on) {
		/* The MSR write does not order earlier stores, as an uncached one would (SDM 11.12.3). */
		mb();
		wrmsr(MSR_X2APIC + (REG_ICR >> 4), (uint64_t)dest << 32 | command);
		return;
	}
	flags = irq_save();
	while (reg_read(REG_ICR) & ICR_BUSY)
		cpu_relax();
	reg_write(REG_ICR2, dest << 24);
	reg_write(REG_ICR, command);
	irq_restore(flags);
}

bool apic_vector_busy(unsigned vector)
{
	unsigned reg = (vector >> 5) << 4;
	uint32_t bit = 1u << (vector & 31);

	return (reg_read(REG_IRR + reg) | reg_read(REG_ISR + reg)) & bit;
}

/* Both 8259s masked, their vectors moved away from the exceptions', should one stray nevertheless. */
static void mask_8259(void)
{
	outb(0x20, 0x11); outb(0xa0, 0x11);
	outb(0x21, VECTOR_PIC); outb(0xa1, VECTOR_PIC + 8);
	outb(0x21, 4); outb(0xa1, 2);
	outb(0x21, 1); outb(0xa1, 1);
	outb(0x21, 0xff); outb(0xa1, 0xff);
}

static bool want_x2apic(void)
{
	if (!host_cpu.x2apic)
		return false;
	if (rdmsr(MSR_APIC_BASE) & BASE_X2APIC)
		return true;
	for (unsigned i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu_apic_id[i] >= 0xff)
			return true;
	if (opt_x2apic >= 0)
		return opt_x2apic;
	return cpuid(1, 0).c >> 31 & 1;
}

void apic_init_cpu(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (!(base & BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base |= BASE_ENABLE);
	if (x2apic_on && !(base & BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	if (!x2apic_on) {
		reg_write(REG_DFR, ~0u);
		reg_write(REG_LDR, (reg_read(REG_LDR) & 0xffffff) | 1u << 24);
	}
	reg_write(REG_TPR, 0);
	reg_write(REG_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	reg_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	reg_write(REG_LVT_LINT0, LVT_MASKED);
	reg_write(REG_LVT_LINT1, LVT_NMI);
	reg_write(REG_ESR, 0);
	reg_write(REG_LVT_ERROR, VECTOR_ERROR);
	/* What the firmware or an earlier system left in service would block all below it. */
	for (unsigned i = 0; i < 8; i++)
		for (uint32_t isr = reg_read(REG_ISR + i * 16); isr; isr &= isr - 1)
			apic_eoi();
	if (timer_ready) {
		reg_write(REG_TIMER_DIV, TIMER_DIV_1);
		reg_write(REG_LVT_TIMER, VECTOR_TIMER | (host_cpu.tsc_deadline ? TIMER_DEADLINE : 0));
		mb();	/* the LVT must be in force before the deadline MSR is (SDM 11.5.4.1) */
	}
}

void apic_init(void)
{
	paddr_t pa = rdmsr(MSR_APIC_BASE) & 0x000ffffffffff000ul;

	x2apic_on = want_x2apic();
	if (!x2apic_on) {
		registers = x86_map_device(pa, PAGE_SIZE);
		if (!registers)
			panic("No memory to map the local APIC");
	}
	mask_8259();
	apic_init_cpu();
	apic_ready = true;
	printk(LOG_INFO "APIC: %s, boot CPU's id %u\n", x2apic_on ? "x2APIC" : "xAPIC", apic_id());
	apic_timer_calibrate();
}

/* Best of several short runs: a preempted one measures too many ticks per nanosecond or too few. */
static uint64_t measure_ticks(void)
{
	uint64_t sample[5];

	for (unsigned i = 0; i < ARRAY_SIZE(sample); i++) {
		s_time_t start, end;
		uint32_t used;

		reg_write(REG_TIMER_INIT, ~0u);
		start = now();
		while ((end = now()) - start < 4000000)
			cpu_relax();
		used = ~0u - reg_read(REG_TIMER_NOW);
		sample[i] = ((uint64_t)used << 32) / (uint64_t)(end - start);
	}
	for (unsigned i = 1; i < ARRAY_SIZE(sample); i++)
		for (unsigned j = i; j && sample[j] < sample[j - 1]; j--) {
			uint64_t t = sample[j];

			sample[j] = sample[j - 1];
			sample[j - 1] = t;
		}
	return sample[ARRAY_SIZE(sample) / 2];
}

void apic_timer_calibrate(void)
{
	if (!apic_ready || !tsc_khz)
		return;
	if (!host_cpu.tsc_deadline) {
		reg_write(REG_TIMER_DIV, TIMER_DIV_1);
		ticks_per_ns = measure_ticks();
		reg_write(REG_TIMER_INIT, 0);
		if (!ticks_per_ns)
			panic("The local APIC's timer does not count");
		printk(LOG_INFO "APIC timer: %lu kHz\n", (unsigned long)((ticks_per_ns * 1000000) >> 32));
	} else {
		printk(LOG_INFO "APIC timer: TSC deadline\n");
	}
	timer_ready = true;
	apic_init_cpu();
}

/* Makes the hardware fire at t. Interrupts off. */
static void set_hardware(s_time_t t)
{
	s_time_t delta = MAX(t - now(), 0);
	uint64_t ticks;

	this_cpu(hardware_deadline) = t;
	/* A deadline beyond the reach (of the counter too) fires early and is set again. */
	delta = MIN(delta, MAX_DELTA);
	if (host_cpu.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + (uint64_t)delta * tsc_khz / 1000000);
		return;
	}
	ticks = (uint64_t)(((__uint128_t)(uint64_t)delta * ticks_per_ns) >> 32);
	reg_write(REG_TIMER_INIT, ticks > ~0u ? ~0u : ticks ? (uint32_t)ticks : 1);
}

/*
 * Sees to it that the hardware fires at the earliest deadline. If it is set to fire before that, it is left alone: the
 * scheduler moves its deadline away far oftener than it lets it come. Interrupts off.
 */
static void program(void)
{
	s_time_t t = this_cpu(timer_deadline), w = this_cpu(watchdog_deadline), h = this_cpu(hardware_deadline);
	s_time_t turn = this_cpu(turn_deadline);

	if (w && (!t || w < t))
		t = w;
	if (turn && (!t || turn < t))
		t = turn;
	/* One that should have come by now is set again: a lost one would be the last. */
	if (t && (!h || t < h || h < now()))
		set_hardware(t);
}

void apic_timer_program(s_time_t deadline)
{
	unsigned long flags = irq_save();

	this_cpu(timer_deadline) = deadline;
	if (watchdog_on)
		watchdog_progress();
	if (timer_ready)
		program();
	irq_restore(flags);
}

void apic_turn_ends(s_time_t deadline)
{
	this_cpu(turn_deadline) = deadline;
	if (timer_ready)
		program();
}

void apic_timer_watch(void)
{
	this_cpu(watchdog_deadline) = now() + WATCHDOG_PERIOD;
	program();
}

void apic_timer_interrupt(void)
{
	s_time_t t = now();
	bool due = this_cpu(timer_deadline) && t >= this_cpu(timer_deadline);

	this_cpu(hardware_deadline) = 0;
	if (watchdog_on && this_cpu(watchdog_deadline) && t >= this_cpu(watchdog_deadline)) {
		this_cpu(watchdog_deadline) = t + WATCHDOG_PERIOD;
		watchdog_check();
		due = true;	/* the timer softirq is the sign of life */
	}
	if (due && apic_timer_hook) {
		this_cpu(timer_deadline) = 0;
		apic_timer_hook();
	}
	if (this_cpu(turn_deadline) && t >= this_cpu(turn_deadline)) {
		this_cpu(turn_deadline) = 0;
		apic_turn_hook();
	}
	program();
}

/* For a CPU that goes: no timer, and software-disabled, so that only INIT, start-up IPI and NMI reach it (SDM 11.4.7.2). */
void apic_stop_cpu(void)
{
	this_cpu(timer_deadline) = this_cpu(turn_deadline) = this_cpu(watchdog_deadline) = this_cpu(hardware_deadline) = 0;
	if (host_cpu.tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		reg_write(REG_TIMER_INIT, 0);
	reg_write(REG_SVR, VECTOR_SPURIOUS);
}

void apic_error_interrupt(void)
{
	static unsigned count;
	uint32_t esr;

	reg_write(REG_ESR, 0);
	esr = reg_read(REG_ESR);
	if (count++ < 10)
		printk(LOG_WARN "CPU%u: APIC error %x\n", smp_processor_id(), esr);
}
