/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What clocks say, in one number. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* By CLOCK_MONOTONIC for waits, by CLOCK_BOOTTIME for what lasts: that goes on while the machine sleeps. */
static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static inline int64_t clock_ms(clockid_t clock) { return clock_ns(clock) / 1000000; }

#endif
