/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System time: (TSC - the boot CPU's TSC at start) scaled. The scale is the 32-bit multiplier and shift that guests get
 * (xen.h, vcpu_time_info), so theirs and ours cannot drift apart. A CPU whose TSC is not in step has an offset.
 */
#include "x86/time.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/platform_timer.h"
#include "x86/tsc_sync.h"
#include "lib/panic.h"
#include "lib/spinlock.h"

#define CALIBRATE_MS	20
#define READ_TRIES	8
#define NSEC		1000000000ull

uint64_t tsc_khz;

static uint64_t base_tsc;
static uint32_t scale_mul;
static int8_t scale_shift;	/* as for guests: TSC ticks are shifted left by this (right if negative) */
static unsigned down_shift;	/* 32 - scale_shift */
static DEFINE_PER_CPU(int64_t, tsc_offset);

static DEFINE_SPINLOCK(wallclock_lock);	/* the next one; taken with interrupts off */
static uint64_t wallclock_base;		/* ns since 1970 at system time 0 */

uint64_t tsc_to_ns(uint64_t tsc)
{
	return (uint64_t)(((__uint128_t)(tsc - base_tsc) * scale_mul) >> down_shift);
}

s_time_t now(void)
{
	return tsc_to_ns(rdtsc() + this_cpu(tsc_offset));
}

void time_get_scale(struct time_scale *out)
{
	unsigned long flags = irq_save();
	uint64_t tsc = rdtsc();

	out->tsc_stamp = tsc;
	out->system_time = tsc_to_ns(tsc + this_cpu(tsc_offset));
	out->mul = scale_mul;
	out->shift = scale_shift;
	irq_restore(flags);
}

void time_scale_of(uint64_t hz, uint32_t *mul, int8_t *shift)
{
	__uint128_t m = ((__uint128_t)NSEC << 32) / hz;

	for (*shift = 0; m >> 32; m >>= 1)
		(*shift)++;
	for (; !(m >> 31); (*shift)--)
		m = ((__uint128_t)NSEC << (32 - *shift + 1)) / hz;
	*mul = m;
}

static void set_scale(uint64_t hz)
{
	time_scale_of(hz, &scale_mul, &scale_shift);
	down_shift = 32 - scale_shift;
}

/* One reading of both clocks, from the try that took least. */
static void read_pair(const struct platform_timer *t, uint64_t *tsc, uint64_t *count)
{
	uint64_t best = ~0ull;

	for (unsigned i = 0; i < READ_TRIES; i++) {
		uint64_t before = rdtsc(), c = t->read(), after = rdtsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + (after - before) / 2;
			*count = c;
		}
	}
}

static uint64_t measure_hz(const struct platform_timer *t)
{
	uint64_t tsc0, tsc1, c0, c1, ticks = 0, last, wanted;
	__uint128_t fs;

	wanted = CALIBRATE_MS * 1000000000000ull / t->fs_per_tick;
	read_pair(t, &tsc0, &c0);
	/* Followed all along, as a slow host may let the counter wrap. */
	for (last = c0; ticks < wanted; cpu_relax()) {
		uint64_t c = t->read();

		ticks += (c - last) & t->mask;
		last = c;
	}
	read_pair(t, &tsc1, &c1);
	ticks += (c1 - last) & t->mask;
	fs = (__uint128_t)ticks * t->fs_per_tick;
	return (uint64_t)((__uint128_t)(tsc1 - tsc0) * 1000000000000000ull / fs);
}

/* Median of three: on a shared host one run may be disturbed. */
static uint64_t calibrate(const struct platform_timer *t)
{
	uint64_t a = measure_hz(t), b = measure_hz(t), c = measure_hz(t);

	return a > b ? (b > c ? b : MIN(a, c)) : (a > c ? a : MIN(b, c));
}

void time_init(void)
{
	const struct platform_timer *t = platform_timer_choose();
	uint64_t hz = calibrate(t);

	if (hz < 1000000)
		panic("The TSC counts %lu Hz against the %s", (unsigned long)hz, t->name);
	tsc_khz = hz / 1000;
	set_scale(hz);
	base_tsc = rdtsc();
	wallclock_base = cmos_time() * NSEC - (uint64_t)now();
	printk(LOG_INFO "Time: TSC %lu.%03lu MHz against %s%s\n", (unsigned long)(tsc_khz / 1000),
	       (unsigned long)(tsc_khz % 1000), t->name, host_cpu.inv_tsc ? "" : " (the CPU does not promise a constant rate)");
	apic_timer_calibrate();
}

void time_init_ap(void)
{
	int64_t offset = tsc_sync_measure();

	this_cpu(tsc_offset) = offset;
	if (offset)
		printk(LOG_WARN "CPU%u: TSC is %ld ticks off the boot CPU's: corrected\n", smp_processor_id(), (long)-offset);
}

int64_t time_tsc_offset(unsigned cpu)
{
	return per_cpu(tsc_offset, cpu);
}

uint64_t wallclock_get(s_time_t *at)
{
	unsigned long flags = spin_lock_irqsave(&wallclock_lock);
	uint64_t base = wallclock_base;

	spin_unlock_irqrestore(&wallclock_lock, flags);
	*at = base % NSEC;
	return base / NSEC;
}

void wallclock_set(uint64_t sec, uint32_t nsec, s_time_t system_time)
{
	unsigned long flags = spin_lock_irqsave(&wallclock_lock);

	wallclock_base = sec * NSEC + nsec - (uint64_t)system_time;
	spin_unlock_irqrestore(&wallclock_lock, flags);
}
