/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HPET, ACPI PM timer, PIT. Sources: IA-PC HPET 1.0a; ACPI 6.4, 4.8.3.3; Intel 8254. */
#include "x86/platform_timer.h"
#include "x86/acpi.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "lib/panic.h"

#define FS_PER_SECOND	1000000000000000ull

static struct platform_timer hpet, pm_timer, pit;

/* HPET */
#define HPET_CAPS	0x000
#define HPET_CONFIG	0x010
#define HPET_COUNTER	0x0f0
#define HPET_ENABLE	1u
#define HPET_LEGACY	2u

static volatile char *hpet_regs;

static uint64_t hpet_read(void)
{
	return mmio_read32(hpet_regs + HPET_COUNTER);
}

static bool hpet_init(void)
{
	uint32_t period, start;

	if (!acpi.hpet_base)
		return false;
	hpet_regs = x86_map_device(acpi.hpet_base, PAGE_SIZE);
	if (!hpet_regs)
		return false;
	period = mmio_read32(hpet_regs + HPET_CAPS + 4);
	/* At most 100 ns a tick (HPET 2.3.4); all ones: nothing there. */
	if (!period || period > 100000000)
		return false;
	mmio_write32(hpet_regs + HPET_CONFIG, (mmio_read32(hpet_regs + HPET_CONFIG) & ~HPET_LEGACY) | HPET_ENABLE);
	start = hpet_read();
	for (unsigned i = 0; i < 100000; i++)
		if (hpet_read() != start) {
			hpet.fs_per_tick = period;
			return true;
		}
	return false;
}

/* PM timer: 3.579545 MHz, 24 or 32 bits */
static uint64_t pm_read(void)
{
	return inl(acpi.pm_timer_port);
}

static bool pm_init(void)
{
	uint32_t start;

	if (!acpi.pm_timer_port)
		return false;
	pm_timer.mask = acpi.pm_timer_32bit ? 0xffffffff : 0xffffff;
	start = pm_read();
	for (unsigned i = 0; i < 10000; i++)
		if (pm_read() != start)
			return true;
	return false;
}

/* PIT: channel 2 counts down from 65536, wraps after 55 ms */
static uint64_t pit_read(void)
{
	uint8_t low;

	outb(0x43, 0x80);		/* latch channel 2 */
	low = inb(0x42);
	return (0x10000u - (low | inb(0x42) << 8)) & 0xffff;
}

static bool pit_init(void)
{
	outb(0x61, (inb(0x61) & ~2u) | 1);	/* gate on, speaker off */
	outb(0x43, 0xb4);		/* channel 2, both bytes, mode 2 */
	outb(0x42, 0);
	outb(0x42, 0);
	return true;
}

static struct platform_timer hpet = { "HPET", hpet_init, hpet_read, 0xffffffff, 0 };
static struct platform_timer pm_timer = { "ACPI PM timer", pm_init, pm_read, 0xffffff, FS_PER_SECOND / 3579545 };
static struct platform_timer pit = { "PIT", pit_init, pit_read, 0xffff, FS_PER_SECOND / 1193182 };

const struct platform_timer *platform_timer_choose(void)
{
	static const struct platform_timer *const all[] = { &hpet, &pm_timer, &pit };

	for (unsigned i = 0; i < ARRAY_SIZE(all) - 1; i++)
		if (all[i]->init())
			return all[i];
	pit.init();
	return &pit;
}

/* CMOS */
static uint8_t cmos_read(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static unsigned from_bcd(uint8_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

struct cmos_image { uint8_t sec, min, hour, day, month, year, century, format; };

static void cmos_read_all(struct cmos_image *c)
{
	/* An update in progress takes 2 ms at most; port reads take about a microsecond each. */
	for (unsigned i = 0; i < 10000 && (cmos_read(0x0a) & 0x80); i++)
		cpu_relax();
	c->sec = cmos_read(0);
	c->min = cmos_read(2);
	c->hour = cmos_read(4);
	c->day = cmos_read(7);
	c->month = cmos_read(8);
	c->year = cmos_read(9);
	c->century = cmos_read(0x32);
	c->format = cmos_read(0x0b);
}

/* Days since 1970 of a date of the Gregorian calendar. */
static uint64_t days_since_1970(unsigned y, unsigned m, unsigned d)
{
	/* Count years from March, so that the leap day is the last. */
	y -= m <= 2;
	m = m > 2 ? m - 3 : m + 9;
	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

uint64_t cmos_time(void)
{
	struct cmos_image a, b;
	unsigned hour, year, tries = 0;

	do {
		cmos_read_all(&a);
		cmos_read_all(&b);
	} while ((a.sec != b.sec || a.min != b.min || a.hour != b.hour) && ++tries < 10);
	hour = b.hour & 0x7f;
	if (!(b.format & 4)) {
		b.sec = from_bcd(b.sec);
		b.min = from_bcd(b.min);
		b.day = from_bcd(b.day);
		b.month = from_bcd(b.month);
		b.year = from_bcd(b.year);
		b.century = from_bcd(b.century);
		hour = from_bcd(hour);
	}
	if (!(b.format & 2))
		hour = hour % 12 + (b.hour & 0x80 ? 12 : 0);
	year = b.year + (b.century >= 19 && b.century <= 29 ? b.century * 100 : b.year < 70 ? 2000 : 1900);
	if (b.month < 1 || b.month > 12 || b.day < 1 || b.day > 31)
		return 0;
	return days_since_1970(year, b.month, b.day) * 86400 + hour * 3600ull + b.min * 60ull + b.sec;
}
