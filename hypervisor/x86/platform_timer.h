/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks of the board that the TSC is measured against. */
#ifndef X86_PLATFORM_TIMER_H
#define X86_PLATFORM_TIMER_H
#include "lib/types.h"
struct platform_timer {
	const char *name;
	bool (*init)(void);		/* false: the machine has none that counts */
	uint64_t (*read)(void);		/* counts up, wraps after 'mask' */
	uint64_t mask;
	uint64_t fs_per_tick;		/* femtoseconds */
};
/* The best of HPET, ACPI PM timer, PIT, ready to read. Needs ACPI and mem_init. Never NULL. */
const struct platform_timer *platform_timer_choose(void);
/* The CMOS clock: seconds since 1970. Waits up to a second for it to tick. Source: MC146818. */
uint64_t cmos_time(void);
#endif
