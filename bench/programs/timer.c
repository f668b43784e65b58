// SPDX-License-Identifier: GPL-2.0-or-later
/* How late a process runs. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdlib.h>
#include <time.h>

static double *room(size_t n)
{
	double *p = malloc(n * sizeof(*p));

	if (!p)
		fail("no memory");
	return p;
}

int cmd_timer(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 500;
	double *late = room(n), begun = now();
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	mark_begin(SECTION_TIMER);
	for (int i = 0; i < n; i++) {
		t.tv_nsec += 2000000;
		if (t.tv_nsec >= 1000000000)
			t.tv_nsec -= 1000000000, t.tv_sec++;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		late[i] = now() - (t.tv_sec + t.tv_nsec * 1e-9);
		if (late[i] > 0.001)	/* do not measure sleeps that are over before they begin */
			clock_gettime(CLOCK_MONOTONIC, &t);
	}
	mark_end(SECTION_TIMER);
	report_times(argc > 1 ? argv[1] : "timer", SECTION_TIMER, late, n, now() - begun);
	return 0;
}
