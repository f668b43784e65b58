// SPDX-License-Identifier: GPL-2.0-or-later
/* Work that several guests do in the same seconds: what each gets done is its share of the CPUs. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Rounds done until the clock says so. */
static long work_until(double end)
{
	volatile unsigned long sum = 0;
	long n = 0;

	for (; wall_clock() < end; n++)
		for (int i = 0; i < 10000; i++)
			sum += i;
	return n;
}

/*
 * work START SECONDS: the wall clock, which all guests of a machine have alike, says when. A second before START all are busy
 * already.
 */
int cmd_work(int argc, char **argv)
{
	double start = argc > 2 ? atof(argv[1]) : 0, seconds = argc > 2 ? atof(argv[2]) : 0, left = start - 1 - wall_clock();
	struct timespec t = { .tv_sec = left, .tv_nsec = (left - (long)left) * 1e9 };

	if (left <= 0)
		fail("START has passed, or is not given");
	nanosleep(&t, NULL);
	work_until(start);
	printf("{\"row\": \"work\", \"section\": 0, \"seconds\": %.3f, \"n\": %ld}\n", seconds, work_until(start + seconds));
	return 0;
}
